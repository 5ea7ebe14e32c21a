/**
 * How long does it take to open a store of 1 GB again: after it was closed, and after its process was killed with 100 MB that nobody had
 * synced? Each round opens it in a process of its own, as an application would; its files are in the page cache.
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import { benchFolder } from "../places.ts";
import type { Contest, Question, Setting, Subject } from "../question.ts";
import { RECORD_COUNT } from "../records.ts";

const GROUP_BYTES = 127 * RECORD_COUNT;
const UNSYNCED_GROUPS = Math.round(100e6 / GROUP_BYTES);

type End = "clean" | "killed";

interface Opened {
  milliseconds: number;
  note?: string;
}

function reopened(name: string, end: End, needs: Subject["needs"] = []): Subject {
  const what = end === "clean" ? "open after close" : "open after kill -9, 100 MB appended since the last sync";
  return {
    mode: what,
    needs,
    async start({ folder, isQuick }: Setting): Promise<Contest> {
      const groups = Math.round((isQuick ? 0.2e9 : 1e9) / GROUP_BYTES);
      await run(name, "fill", folder, groups);
      const { note } = (await run(name, "open", folder))!;
      return {
        mode: [what, note, ...(isQuick ? ["200 MB only"] : [])].filter(Boolean).join("; "),
        async round() {
          if (end === "killed") await run(name, "leave", folder, UNSYNCED_GROUPS);
          const { milliseconds } = (await run(name, "open", folder))!;
          return { "": { value: milliseconds, unit: "ms" } };
        },
      };
    },
  };
}

/** What the process sends; nothing, where it has nothing to say. */
function run(name: string, action: "fill" | "leave" | "open", folder: string, groups = 0): Promise<Opened | undefined> {
  return new Promise((resolve, reject) => {
    let opened: Opened | undefined;
    fork(join(benchFolder, "dist/measure/reopening.js"), [name, action, folder, String(groups)])
      .on("message", (message) => {
        opened = message as Opened;
      })
      .on("error", reject)
      .on("exit", (code, signal) => {
        if (code === 0 || (action === "leave" && signal === "SIGKILL")) resolve(opened);
        else reject(new Error(`${name} ended with ${code ?? signal} when it was to ${action}`));
      });
  });
}

export default {
  title: "a store of 1 GB opened again",
  subjects: {
    "varve clean": reopened("varve", "clean"),
    "varve killed": reopened("varve", "killed"),
    "varve ts clean": reopened("varve ts", "clean"),
    "varve ts killed": reopened("varve ts", "killed"),
    "lmdb killed": reopened("lmdb", "killed", ["packages"]),
    "better-sqlite3 killed": reopened("better-sqlite3", "killed", ["packages", "better-sqlite3"]),
  },
  compare: [
    ["varve clean", "varve ts clean"],
    ["varve killed", "varve ts killed"],
  ],
  warmUpRounds: 0,
} satisfies Question;

/**
 * How long does it take from the start of a broker until a client that is running already has its first record acknowledged? The client
 * knocks every millisecond, has the topic made, and sends one record. Beside the command stands a Node that does nothing: what it takes
 * is not varve's. The memory is that of the command 2 seconds later.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../test/free-port.ts";
import { produceFirst } from "../../test/wire/first-record.ts";
import { root } from "../places.ts";
import type { Figures, Question, Setting, Subject } from "../question.ts";

const IDLE_MS = 2000;

async function served(dir: string): Promise<Figures> {
  const port = await freePort();
  const command = [join(root, "dist/cli/main.js"), "--dir", dir, "serve", "--listen", `127.0.0.1:${port}`];
  const began = performance.now();
  const child = spawn(process.execPath, command, { stdio: "ignore" });
  const client = await produceFirst(port);
  const value = performance.now() - began;
  await pause(IDLE_MS);
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))![1]) / 1024;
  client.close();
  child.kill();
  await once(child, "exit");
  return { "": { value, unit: "ms" }, resident: { value: resident, unit: "MiB" } };
}

async function inFolder({ folder }: Setting) {
  let round = 0;
  return {
    async round() {
      const dir = join(folder, `data-${round++}`);
      const figures = await served(dir);
      rmSync(dir, { recursive: true });
      return figures;
    },
  };
}

async function empty() {
  return {
    round(): Figures {
      const began = performance.now();
      spawnSync(process.execPath, ["-e", "0"]);
      return { "": { value: performance.now() - began, unit: "ms" } };
    },
  };
}

const waits: Pick<Subject, "waits"> = { waits: true };

export default {
  title: "from the start of a broker to the first record that a running client has acknowledged",
  subjects: {
    varve: {
      ...waits,
      mode: "varve serve on a new folder, until the Produce of a raw client is answered",
      start: inFolder,
    },
    "varve memory": {
      ...waits,
      mode: "varve serve --dir :memory:, the same",
      start: async () => ({ round: () => served(":memory:") }),
    },
    node: { ...waits, mode: "node -e 0, until it has ended", start: empty },
  },
  compare: [
    ["varve", "node"],
    ["varve memory", "node"],
  ],
} satisfies Question;

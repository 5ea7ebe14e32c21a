/** How fast do groups of 1000 records go in, when each must survive the death of the machine before the next one comes? */
import { sqlite } from "../peers/better-sqlite3.ts";
import { level } from "../peers/classic-level.ts";
import { lmdb } from "../peers/lmdb.ts";
import type { Need } from "../peers/needs.ts";
import { rawSynced } from "../peers/raw.ts";
import type { StoreKind } from "../peers/store.ts";
import { varve } from "../peers/varve.ts";
import type { Question, Subject } from "../question.ts";
import { storesFilled } from "../stores.ts";

/** The disk is waited for: processor time says nothing. */
function synced(kind: StoreKind, ...needs: Need[]): Subject {
  return { ...storesFilled(kind, needs, { isSized: false }), waits: true };
}

export default {
  title: "records appended in groups of 1000, each group synced (16-B key, 100-B value)",
  subjects: {
    varve: synced(varve({ durability: "power" })),
    "varve ts": synced(varve({ durability: "power", engine: "ts" })),
    raw: synced(rawSynced),
    lmdb: synced(lmdb({ noSync: false }), "packages"),
    "better-sqlite3 FULL": synced(sqlite("FULL"), "packages", "better-sqlite3"),
    "classic-level": synced(level({ sync: true }), "packages"),
  },
  compare: [
    ["varve", "raw"],
    ["varve", "better-sqlite3 FULL"],
    ["varve ts", "raw"],
    ["varve", "lmdb"],
    ["varve", "classic-level"],
  ],
} satisfies Question;

/** How fast is a single record found by its offset, anywhere in a million that were stored by the hundred, from the page cache? */
import { sqlite } from "../peers/better-sqlite3.ts";
import { level } from "../peers/classic-level.ts";
import { hypercore } from "../peers/hypercore.ts";
import { lmdb } from "../peers/lmdb.ts";
import { raw } from "../peers/raw.ts";
import { varve } from "../peers/varve.ts";
import type { Question } from "../question.ts";
import { storesLookedInto } from "../stores.ts";

export default {
  title: "one record found by its offset (16-B key, 100-B value, stored in groups of 100)",
  subjects: {
    varve: storesLookedInto(varve()),
    "varve ts": storesLookedInto(varve({ engine: "ts" })),
    raw: storesLookedInto(raw),
    lmdb: storesLookedInto(lmdb(), ["packages"]),
    "better-sqlite3": storesLookedInto(sqlite("OFF"), ["packages", "better-sqlite3"]),
    "classic-level": storesLookedInto(level(), ["packages"]),
    hypercore: storesLookedInto(hypercore, ["packages"]),
  },
  compare: [
    ["varve", "lmdb"],
    ["varve", "better-sqlite3"],
    ["varve", "raw"],
    ["varve", "classic-level"],
    ["varve", "hypercore"],
    ["varve ts", "lmdb"],
  ],
} satisfies Question;

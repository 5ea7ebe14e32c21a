/**
 * A process that questions/reopen.ts starts: `reopening.js NAME ACTION FOLDER GROUPS`.
 *   fill    appends that many groups, and closes the store
 *   leave   appends that many groups, and dies by kill -9
 *   open    opens the store, sends how many milliseconds that took, and closes it
 */
import { now } from "./clock.ts";
import { sqlite } from "./peers/better-sqlite3.ts";
import { lmdb } from "./peers/lmdb.ts";
import type { StoreKind } from "./peers/store.ts";
import { varve } from "./peers/varve.ts";
import { bytesRecords } from "./records.ts";

/** Nothing is synced in the background, so that all is unsynced at the kill. */
const HOUR_MS = 3_600_000;

const kinds: Record<string, StoreKind> = {
  varve: varve({ flushMs: HOUR_MS }),
  "varve ts": varve({ engine: "ts", flushMs: HOUR_MS }),
  lmdb: lmdb(),
  "better-sqlite3": sqlite("OFF"),
};

const [name, action, folder, groups] = process.argv.slice(2);
const kind = kinds[name];
if (action === "open") {
  await kind.load?.();
  const started = now();
  const store = await kind.open(folder);
  process.send?.({ milliseconds: now() - started, note: store.note });
  await store.close();
} else {
  const store = await kind.open(folder);
  const records = bytesRecords();
  for (let group = 0; group < Number(groups); group++) await store.append(records);
  if (action === "leave") process.kill(process.pid, "SIGKILL");
  await store.close();
}
process.disconnect?.();

/** The ways in which a store becomes a subject: it is filled, gone through, or looked into. */
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { now } from "./clock.ts";
import type { Need } from "./peers/needs.ts";
import type { Store, StoreKind } from "./peers/store.ts";
import { type Figures, perSecond, type Subject } from "./question.ts";
import { type BenchRecord, bytesRecords, RECORD_BYTES, RECORD_COUNT } from "./records.ts";

/** No round writes more: it keeps what lies on the disk at a time below half a gigabyte. */
export const MOST_RECORDS = 3_000_000;

/** Groups of 1000 records into an empty store, round by round; then what they take on the disk. */
export function storesFilled(kind: StoreKind, needs?: readonly Need[], { isSized = true } = {}): Subject {
  return {
    mode: kind.append,
    needs,
    async start({ folder, seconds }) {
      const records = bytesRecords();
      const first = await kind.open(freshFolder(folder));
      await first.close();
      return {
        mode: noted(kind.append, first),
        async round() {
          const fresh = freshFolder(folder);
          const store = await kind.open(fresh);
          const { count, milliseconds } = await fill(store, records, seconds * 1000);
          await store.close();
          const figures = perSecond(count, "records", milliseconds);
          return isSized ? { ...figures, size: { value: sizeOf(fresh) / count, unit: "B/record" } } : figures;
        },
      };
    },
  };
}

/** All records of a store, which is filled before and not changed. Who is slow has a `share` of the records: it is the rate that counts. */
export function storesScanned(
  kind: StoreKind,
  needs?: readonly Need[],
  { bytesPerRecord = RECORD_BYTES, share = 1 } = {},
): Subject {
  return {
    mode: kind.scan,
    needs,
    async start({ folder, isQuick }) {
      const groups = (isQuick ? 200 : 1000) * share;
      const store = await filled(kind, folder, groups, bytesRecords());
      return {
        mode: noted(kind.scan, store),
        async round() {
          const started = now();
          const sum = await store.scan();
          const milliseconds = now() - started;
          check(sum, groups * RECORD_COUNT * bytesPerRecord);
          return perSecond(groups * RECORD_COUNT, "records", milliseconds);
        },
        end: async () => void (await store.close()),
      };
    },
  };
}

/** Single records all over a store, which got them in groups of 100. */
export function storesLookedInto(kind: StoreKind, needs?: readonly Need[]): Subject {
  return {
    mode: kind.get,
    needs,
    async start({ folder, isQuick, seconds }) {
      const groups = isQuick ? 2000 : 10_000;
      const records = bytesRecords().slice(0, 100);
      const store = await filled(kind, folder, groups, records);
      const next = scattered(groups * records.length);
      return {
        mode: noted(kind.get, store),
        round: async () => lookInto(store, next, seconds * 1000),
        end: async () => void (await store.close()),
      };
    },
  };
}

export async function filled(
  kind: StoreKind,
  folder: string,
  groups: number,
  records: readonly BenchRecord<Buffer>[],
): Promise<Store> {
  const store = await kind.open(folder);
  for (let group = 0; group < groups; group++) await store.append(records);
  return store;
}

export async function fill(
  store: Store,
  records: readonly BenchRecord<Buffer>[],
  milliseconds: number,
  most = MOST_RECORDS,
): Promise<{ count: number; milliseconds: number }> {
  let count = 0;
  let elapsed = 0;
  const started = now();
  do {
    const pending = store.append(records);
    if (pending instanceof Promise) await pending;
    count += records.length;
    elapsed = now() - started;
  } while (elapsed < milliseconds && count < most);
  return { count, milliseconds: elapsed };
}

/** One after the other: an answer that comes as a promise is waited for before the next question. */
export async function lookInto(store: Store, next: () => number, milliseconds: number): Promise<Figures> {
  let count = 0;
  let elapsed = 0;
  const started = now();
  do {
    for (let i = 0; i < 100; i++) {
      const found = store.get(next());
      const length = typeof found === "number" ? found : await found;
      if (length === 0) throw new Error("an empty record was found");
    }
    count += 100;
    elapsed = now() - started;
  } while (elapsed < milliseconds);
  return perSecond(count, "records", elapsed);
}

/** Offsets below `end`, all over it, the same ones in the same order for everybody. */
export function scattered(end: number): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
}

/** What the files of a folder take, by their lengths or by their blocks, whichever is less: a sparse tail is not there. */
export function sizeOf(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const { size, blocks } = lstatSync(join(entry.parentPath, entry.name));
    bytes += Math.min(size, blocks * 512);
  }
  return bytes;
}

/** An empty folder inside of one that belongs to a subject. */
export function freshFolder(folder: string): string {
  const fresh = join(folder, "round");
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  return fresh;
}

function noted(mode: string, { note }: Store): string {
  return note === undefined ? mode : `${mode}; ${note}`;
}

function check(sum: number, expected: number): void {
  if (sum !== expected) throw new Error(`the scan found ${sum} where ${expected} was expected`);
}

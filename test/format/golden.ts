/** The data directory that Apache Kafka wrote (test/fixtures/golden), as the tests of format/ read it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../fixtures/golden", import.meta.url));

export function golden(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(ROOT, path)));
}

/** Every file below the root with that ending, as paths from the root: "g-txn-0/00000000000000000000.index". */
export function goldenFiles(ending: string): string[] {
  const names = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(ending));
  return names.map((name) => name.replaceAll("\\", "/")).sort();
}

export function baseOffsetOf(path: string): number {
  return Number.parseInt(path.slice(path.lastIndexOf("/") + 1), 10);
}

export interface BatchPlace {
  position: number;
  baseOffset: number;
  lastOffset: number;
  maxTimestamp: number;
  size: number;
}

/** The batches of a .log by their headers alone, read independently of format/batch. */
export function batchesOf(log: Uint8Array): BatchPlace[] {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  const batches: BatchPlace[] = [];
  for (let position = 0; position < log.length; ) {
    const baseOffset = Number(view.getBigInt64(position));
    const size = 12 + view.getInt32(position + 8);
    const lastOffset = baseOffset + view.getInt32(position + 23);
    batches.push({ position, baseOffset, lastOffset, maxTimestamp: Number(view.getBigInt64(position + 35)), size });
    position += size;
  }
  return batches;
}

/** The length without the zeros at the end, in whole entries: a broker that runs has its index files preallocated. */
export function lengthWithoutTail(bytes: Uint8Array, entryBytes: number): number {
  const last = bytes.findLastIndex((byte) => byte !== 0);
  return Math.ceil((last + 1) / entryBytes) * entryBytes;
}

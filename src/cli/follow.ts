/**
 * Reads a topic without owning its directory, and goes on with what its owner writes there.
 *
 * A log that was opened read-only shows what was there at the open. So it is opened again whenever there is more in the files of the
 * topic, and reading goes on where it was. Files grow ahead of what is written to them: so the bytes behind the end are looked at.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ENGINE } from "../engine/engine.ts";
import { HEADER_BYTES } from "../format/batch.ts";
import {
  type ConsumerRecord,
  type From,
  type OnCorrupt,
  type OutOfRange,
  type Topic,
  VarveError,
  type VarveLog,
} from "../index.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import type { Files } from "../storage/files.ts";
import { absolutePath, join, parsePartitionFolder } from "../storage/paths.ts";
import { openLog } from "./data-log.ts";
import { openIfThere } from "./small-files.ts";

export interface FollowOptions {
  dir: string;
  topic: string;
  from: From;
  partitions: readonly number[] | undefined;
  outOfRange: OutOfRange;
  onCorrupt: OnCorrupt;
  /** Told of damage that is stepped over. */
  corrupt: (error: VarveError) => void;
  /** Ends where the topic ends now. */
  isBounded: boolean;
  signal: AbortSignal;
}

const LOOK_MS = 200;

/** Records; undefined each time there are no more at hand. Ends when the signal is aborted. */
export async function* followTopic(options: FollowOptions): AsyncGenerator<ConsumerRecord | undefined, void> {
  const { dir, topic, partitions, onCorrupt, isBounded, signal } = options;
  const files = new DiskFiles();
  let { from, outOfRange } = options;
  let ends: readonly End[] = [];
  for (;;) {
    const seen = sizesOf(files, absolutePath(dir), topic);
    const log = await openLog(dir, { readOnly: true });
    try {
      const topics = [log.topic(topic)];
      if (outOfRange === "throw") await checkOffsets(topics[0], from);
      const consumer = log.consumer({ topics, from, until: "end", partitions, outOfRange, onCorrupt, signal });
      consumer.on("corrupt", options.corrupt);
      yield* consumer;
      from = { offsets: Object.fromEntries(consumer.position().map((at) => [at.partition, at.offset])) };
      ends = endsOf(log, topic);
    } finally {
      await log.close();
    }
    yield undefined;
    if (isBounded) return;
    outOfRange = "earliest";
    const isSame = () => sizesOf(files, absolutePath(dir), topic) === seen && ends.every((end) => isEnd(files, end));
    do {
      await pause(signal);
    } while (!signal.aborted && isSame());
    if (signal.aborted) return;
  }
}

/** An offset that somebody asked for must be there, or be the next one. */
async function checkOffsets(topic: Topic, from: From): Promise<void> {
  if (typeof from === "string" || !("offsets" in from)) return;
  const ends = await topic.offsets("latest");
  for (const { partition, offset: start } of await topic.offsets("earliest")) {
    const offset = (from.offsets as Record<number, number>)[partition] ?? start;
    const end = ends.find((one) => one.partition === partition)?.offset ?? start;
    if (offset >= start && offset <= end) continue;
    const message = `${topic.name}-${partition} has the offsets ${start} to ${end}, not ${offset}`;
    throw new VarveError("VARVE_OFFSET_OUT_OF_RANGE", message, { topic: topic.name, partition, offset });
  }
}

/** A text that is another one when something was written to the topic. */
function sizesOf(files: Files, dir: string, topic: string): string {
  const sizes: string[] = [];
  for (const folder of files.list(dir) ?? []) {
    const partition = parsePartitionFolder(folder);
    if (partition?.topic !== topic || partition.state !== "live") continue;
    for (const name of files.list(join(dir, folder)) ?? []) {
      if (name.endsWith(".log")) sizes.push(`${folder}/${name} ${files.stat(join(dir, folder, name))?.size}`);
    }
  }
  return sizes.join("\n");
}

/** Where a log ends, in the file of its last segment. */
interface End {
  path: string;
  position: number;
}

function endsOf(log: VarveLog, name: string): End[] {
  const { partitions } = log[ENGINE].topic(name);
  return partitions.flatMap((partition) => {
    const [last] = partition?.isReady ? [...partition.segmentSizes].slice(-1) : [];
    return last === undefined ? [] : [{ path: last[0], position: last[1] }];
  });
}

/** Whether there is nothing, or nothing but room, where the next batch would come. */
function isEnd(files: Files, { path, position }: End): boolean {
  const file = openIfThere(files, path);
  if (file === undefined) return false;
  try {
    const header = new Uint8Array(HEADER_BYTES);
    return header.subarray(0, file.read(header, 0, HEADER_BYTES, position)).every((byte) => byte === 0);
  } finally {
    file.close();
  }
}

/** Ends early when the signal is aborted. */
async function pause(signal: AbortSignal): Promise<void> {
  await delay(LOOK_MS, undefined, { signal }).catch(() => {});
}

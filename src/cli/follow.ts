/**
 * Reads a topic without owning its directory, and goes on with what its owner writes there.
 *
 * A log that was opened read-only shows what was there at the open. So it is opened again whenever the files of the topic
 * have grown, and reading goes on where it was.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type ConsumerRecord, type From, type OnCorrupt, type OutOfRange, type Topic, VarveError } from "../index.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import type { Files } from "../storage/files.ts";
import { absolutePath, join, parsePartitionFolder } from "../storage/paths.ts";
import { openLog } from "./data-log.ts";

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
    } finally {
      await log.close();
    }
    yield undefined;
    if (isBounded) return;
    outOfRange = "earliest";
    while (!signal.aborted && sizesOf(files, absolutePath(dir), topic) === seen) await pause(signal);
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

/** Ends early when the signal is aborted. */
async function pause(signal: AbortSignal): Promise<void> {
  await delay(LOOK_MS, undefined, { signal }).catch(() => {});
}

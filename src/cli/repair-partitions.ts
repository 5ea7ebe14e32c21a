/** Carries out the steps of a repair inside the partition folders, as the owner of the directory. */
import { Engine } from "../engine/engine.ts";
import type { Partition } from "../engine/partition.ts";
import { hasCode } from "../errors.ts";
import { formatPartitionMetadata } from "../format/checkpoints.ts";
import * as transactionIndex from "../format/transaction-index.ts";
import type { Files } from "../storage/files.ts";
import {
  join,
  LEADER_EPOCH_CHECKPOINT,
  nameOf,
  PARTITION_METADATA,
  type PartitionFolder,
  parentOf,
  parsePartitionFolder,
  segmentFile,
} from "../storage/paths.ts";
import { replaceFile } from "../storage/replace-file.ts";
import { type Step, segmentOf } from "./repair-plan.ts";

export async function mendPartitions(root: string, steps: readonly Step[]): Promise<void> {
  // Once to recover what was not closed, so that the second time no log is open before it is asked for.
  await (await Engine.open(root, { create: false })).close();
  const engine = await Engine.open(root, { create: false });
  try {
    for (const [folder, ofFolder] of stepsByFolder(steps)) await mend(engine, folder, ofFolder);
  } finally {
    await engine.close();
  }
}

function stepsByFolder(steps: readonly Step[]): Map<string, Step[]> {
  const folders = new Map<string, Step[]>();
  for (const step of steps) {
    const [folder] = step.file.split("/");
    if (parsePartitionFolder(folder) === undefined) continue;
    folders.set(folder, [...(folders.get(folder) ?? []), step]);
  }
  return folders;
}

async function mend(engine: Engine, name: string, steps: readonly Step[]): Promise<void> {
  const { topic: topicName, partition: index } = parsePartitionFolder(name) as PartitionFolder;
  const topic = engine.topics.get(topicName);
  const partition = topic?.partitions[index];
  if (topic === undefined || partition === undefined) return;
  const folder = join(engine.path, name);
  for (const { file } of steps) removeDamaged(engine.files, join(engine.path, file));
  await partition.ready();
  const bases = basesIn(engine.files, folder);
  for (const base of bases) seekTo(partition, Math.max(base, partition.startOffset));
  for (const { file } of steps) {
    const segment = segmentOf(nameOf(file));
    if (segment?.kind === "txnindex")
      await writeTransactionIndex(engine.files, folder, partition, bases, segment.baseOffset);
    if (nameOf(file) === PARTITION_METADATA) {
      await replaceFile(engine.files, join(folder, PARTITION_METADATA), formatPartitionMetadata(topic.id));
    }
  }
}

/** What the log makes again when it misses it. */
function removeDamaged(files: Files, path: string): void {
  const segment = segmentOf(nameOf(path));
  const isDerived = segment !== undefined && segment.kind !== "log";
  if (isDerived || nameOf(path) === LEADER_EPOCH_CHECKPOINT) files.remove(path);
  // The two indexes of a segment are made in one walk.
  if (segment?.kind === "index") files.remove(join(parentOf(path), segmentFile(segment.baseOffset, "timeindex")));
}

/** Looking for an offset makes the log load the indexes of its segment, or write them when they are not there. */
function seekTo(partition: Partition, offset: number): void {
  try {
    partition.read(offset, 1, offset + 1);
  } catch (error) {
    // Damage stays damage: the verification at the end names it.
    if (!hasCode(error, "VARVE_CORRUPT", "VARVE_OFFSET_OUT_OF_RANGE")) throw error;
  }
}

async function writeTransactionIndex(
  files: Files,
  folder: string,
  partition: Partition,
  bases: readonly number[],
  base: number,
): Promise<void> {
  const end = bases.find((other) => other > base) ?? partition.endOffset;
  const aborted = partition.abortedTransactions(base, end);
  const ofSegment = aborted.filter(({ lastOffset }) => lastOffset >= base && lastOffset < end);
  if (ofSegment.length === 0) return;
  const bytes = new Uint8Array(ofSegment.length * transactionIndex.ENTRY_BYTES);
  for (const [index, entry] of ofSegment.entries()) transactionIndex.writeEntry(bytes, index, entry);
  await replaceFile(files, join(folder, segmentFile(base, "txnindex")), bytes);
}

/** Of the segments, ascending. */
function basesIn(files: Files, folder: string): number[] {
  const bases: number[] = [];
  for (const name of files.list(folder) ?? []) {
    const file = segmentOf(name);
    if (file?.kind === "log" && file.state === "live") bases.push(file.baseOffset);
  }
  return bases.sort((a, b) => a - b);
}

/** What the tour does on its way, step by step. Each measures what it says, and checks what it claims. */

import { systemIdentity } from "../engine/identity.ts";
import { type Topic, VarveError, type VarveLog } from "../index.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import { absolutePath } from "../storage/paths.ts";
import type { Guide } from "./guide.ts";
import { formatCount, plural } from "./numbers.ts";
import { formatProblem, type Problem } from "./problem.ts";
import { keyAt, Reading, valueAt } from "./tour-records.ts";
import type { Victim } from "./tour-writer.ts";
import { Verification } from "./verification.ts";
import { verifyDirectory } from "./verify-directory.ts";

const BATCH_RECORDS = 1000;

/** Returns how many records a second. */
export async function writeAll(guide: Guide, log: VarveLog, topic: Topic<string>, count: number): Promise<number> {
  const producer = log.producer();
  const progress = guide.progress("writing", count);
  const started = performance.now();
  for (let from = 0; from < count; from += BATCH_RECORDS) {
    const records = Array.from({ length: Math.min(BATCH_RECORDS, count - from) }, (_, i) => ({
      key: keyAt(from + i),
      value: valueAt(from + i),
    }));
    await producer.sendBatch(topic, records);
    progress.show(from + records.length);
    if (from % (BATCH_RECORDS * 20) === 0) await guide.pause();
  }
  const perSecond = perSecondOf(count, started);
  progress.clear();
  await producer.close();
  await guide.tell(`${formatCount(count)} records in batches of ${BATCH_RECORDS}: ${formatCount(perSecond)} records/s`);
  return perSecond;
}

export async function readAll(guide: Guide, log: VarveLog, topic: Topic<string>, count: number): Promise<number> {
  const reading = new Reading(count, topic.partitionCount);
  const consumer = log.consumer<string>({ topics: [topic], until: "end" });
  const progress = guide.progress("reading", count);
  const started = performance.now();
  for await (const batch of consumer.batches()) {
    for (const record of batch) reading.note(record.partition, record.offset, record.key, record.value);
    progress.show(reading.count);
  }
  const perSecond = perSecondOf(reading.count, started);
  progress.clear();
  await consumer.close();
  await guide.tell(`${formatCount(reading.count)} records, each one compared: ${formatCount(perSecond)} records/s`);
  await guide.check("every record came back once, in order, with its content", reading.verdict());
  return perSecond;
}

/** The next offset of each partition, as a group has committed it. */
export type Committed = ReadonlyMap<number, number>;

/** Reads the first records in a group, commits, and leaves. */
export async function consumeSome(
  log: VarveLog,
  topic: Topic<string>,
  group: string,
  count: number,
): Promise<Committed> {
  const consumer = log.consumer<string>({ topics: [topic], group });
  const committed = new Map<number, number>();
  let left = count;
  for await (const { partition, offset } of consumer) {
    committed.set(partition, offset + 1);
    if (--left > 0) continue;
    await consumer.commit();
    break;
  }
  await consumer.close();
  return committed;
}

/** The group goes on: exactly behind what it has committed, and to the end without a gap. */
export async function resume(
  guide: Guide,
  log: VarveLog,
  topic: Topic<string>,
  group: string,
  committed: Committed,
): Promise<void> {
  const next = new Map(
    Array.from({ length: topic.partitionCount }, (_, partition) => [partition, committed.get(partition) ?? 0]),
  );
  const consumer = log.consumer<string>({ topics: [topic], group, until: "end" });
  let problem: string | undefined;
  let count = 0;
  for await (const batch of consumer.batches()) {
    for (const { partition, offset } of batch) {
      if (offset !== next.get(partition))
        problem ??= `partition ${partition} goes on at ${offset}, not at ${next.get(partition)}`;
      next.set(partition, offset + 1);
      count++;
    }
  }
  await consumer.close();
  for (const { partition, offset } of await topic.offsets("latest")) {
    if (next.get(partition) !== offset)
      problem ??= `partition ${partition} was read to ${next.get(partition)}, not to ${offset}`;
  }
  await guide.check(
    `the group went on where it had committed, and read the ${plural(count, "record")} behind`,
    problem,
  );
}

/** What the victim had acknowledged must be there; what it had not may be, but whole and in order. */
export async function checkVictim(guide: Guide, topic: Topic<string>, victim: Victim): Promise<void> {
  const found = new Map<string, string>();
  let broken: string | undefined;
  let next: number[] = [];
  try {
    next = new Array(topic.partitionCount).fill(0);
    for await (const { partition, offset, value } of topic.read()) {
      if (offset !== next[partition])
        broken ??= `offset ${offset} of partition ${partition} follows ${next[partition] - 1}`;
      next[partition] = offset + 1;
      found.set(`${partition} ${offset}`, value as string);
    }
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
    broken = error.message;
  }
  let missing = 0;
  for (const [index, { partition, offset }] of victim.acknowledged.entries()) {
    if (found.get(`${partition} ${offset}`) !== valueAt(index)) missing++;
  }
  const acknowledged = plural(victim.acknowledged.length, "acknowledged record");
  await guide.check(
    `${acknowledged}: none is missing`,
    missing === 0 ? undefined : `${plural(missing, "record")} missing`,
  );
  await guide.check("no hole and no torn record behind them", broken);
}

export async function checkWritable(guide: Guide, topic: Topic<string>): Promise<void> {
  const { partition, offset } = await topic.send({ key: "after", value: "the crash" });
  const record = await topic.get(partition, offset);
  const problem =
    record?.value === "the crash" ? undefined : `offset ${offset} of partition ${partition} is not what was sent`;
  await guide.check("and it takes records again", problem);
}

/** Every file of the folder, as `varve verify` does it. */
export async function verifyAll(guide: Guide, dir: string): Promise<void> {
  const problems: Problem[] = [];
  const root = absolutePath(dir);
  const verification = new Verification(new DiskFiles(), root, dir, {
    problem: (problem) => problems.push(problem),
    pause: async () => !guide.signal.aborted,
  });
  await verifyDirectory(verification, root, systemIdentity);
  const { files, batches } = verification.tally;
  const claim = `${plural(files, "file")} and ${plural(batches, "batch", "batches")} are what they should be`;
  await guide.check(claim, problems.length === 0 ? undefined : problems.map(formatProblem).join("; "));
}

function perSecondOf(count: number, started: number): number {
  return Math.round((count / (performance.now() - started)) * 1000);
}

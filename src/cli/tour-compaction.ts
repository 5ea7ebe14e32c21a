/**
 * The part of the tour about compaction: a topic with few keys and very many changes of them is compacted, and holds of each key the latest
 * value and no other, at the offset that it always had. A key that was deleted is gone.
 */
import type { Topic, VarveLog } from "../index.ts";
import type { Guide } from "./guide.ts";
import { formatCount, plural } from "./numbers.ts";

const KEYS = 100;
const CHANGES = 20_000;
const AT_ONCE = 500;
/** Its last change is a tombstone. */
const DELETED = "customer 7";

export async function compactTopic(guide: Guide, log: VarveLog): Promise<void> {
  const options = { cleanupPolicy: "compact", deleteRetentionMs: 0, codec: "string" } as const;
  const topic = await log.createTopic<string>("customers", options);
  const latest = await change(log, topic);
  const { recordsBefore, recordsAfter, bytesBefore, bytesAfter } = await topic.compact();
  const percent = Math.round((bytesAfter / bytesBefore) * 100);
  await guide.tell(
    `${formatCount(recordsBefore)} changes of ${plural(KEYS, "customer")} became ${plural(recordsAfter, "record")}, ${percent}% of the bytes`,
  );
  await guide.check("each customer is there once, as it was last, at its own offset", await problemIn(topic, latest));
  const found = (await topic.all()).some(({ key, isTombstone }) => key === DELETED && !isTombstone);
  await guide.check("the one that was deleted is gone", found ? "it is there" : undefined);
}

/** Returns the offset and value of the last change of each key. */
async function change(log: VarveLog, topic: Topic<string>): Promise<Map<string, { offset: number; value: string }>> {
  const latest = new Map<string, { offset: number; value: string }>();
  const producer = log.producer();
  for (let from = 0; from < CHANGES; from += AT_ONCE) {
    const records = Array.from({ length: AT_ONCE }, (_, index) => {
      const number = from + index;
      return { key: `customer ${number % KEYS}`, value: `as of change ${number}` };
    });
    const [{ baseOffset }] = await producer.sendBatch(topic, records);
    for (const [index, { key, value }] of records.entries()) latest.set(key, { offset: baseOffset + index, value });
  }
  await producer.send(topic, { key: DELETED, value: null });
  latest.delete(DELETED);
  await producer.close();
  return latest;
}

async function problemIn(
  topic: Topic<string>,
  latest: ReadonlyMap<string, { offset: number; value: string }>,
): Promise<string | undefined> {
  const seen = new Set<string>();
  for (const { key, value, offset, isTombstone } of await topic.all()) {
    if (isTombstone) continue;
    const expected = latest.get(key!);
    if (seen.has(key!)) return `${key} is there twice`;
    if (expected?.offset !== offset || expected.value !== value) return `${key} is "${value}" at ${offset}`;
    seen.add(key!);
  }
  return seen.size === latest.size ? undefined : `${seen.size} of ${latest.size} are there`;
}

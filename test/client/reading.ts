/** Small ways to read in tests. */
import type { Consumer, ConsumerRecord } from "../../src/index.ts";

/** The first `count` records, asked for one after the other and never put back. */
export async function take<V>(consumer: AsyncIterable<ConsumerRecord<V>>, count: number): Promise<ConsumerRecord<V>[]> {
  const records: ConsumerRecord<V>[] = [];
  const iterator = consumer[Symbol.asyncIterator]();
  while (records.length < count) {
    const { done, value } = await iterator.next();
    if (done) break;
    records.push(value);
  }
  return records;
}

/** Everything until the consumer ends by itself. */
export async function drain<V>(consumer: AsyncIterable<ConsumerRecord<V>>): Promise<ConsumerRecord<V>[]> {
  const records: ConsumerRecord<V>[] = [];
  for await (const record of consumer) records.push(record);
  return records;
}

export function valuesOf(records: readonly ConsumerRecord[]): unknown[] {
  return records.map((record) => record.value);
}

export function positionOf(consumer: Consumer, partition = 0): number | undefined {
  return consumer.position().find((position) => position.partition === partition)?.offset;
}

/** Lets everything that is due in this tick happen, and a few turns of the event loop more. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Whether the promise is still pending after that. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const mark = () => {
    isSettled = true;
  };
  promise.then(mark, mark);
  await settle();
  return !isSettled;
}

/**
 * Offsets that were committed in a transaction: they count from its commit marker on, and never when it is aborted. Of one
 * partition of `__consumer_offsets`, by the producer whose transaction they are in.
 *
 * A record stands where it was written, not where the marker is: a commit outside of the transaction that came behind it
 * wins, and so does a tombstone.
 */
import type { LoadedRecord } from "./offsets-loading.ts";

type Records = LoadedRecord[];

export class PendingOffsets {
  readonly #byProducer = new Map<number, Records>();

  add(producerId: number, records: readonly LoadedRecord[]): void {
    const present = this.#byProducer.get(producerId);
    if (present) present.push(...records);
    else this.#byProducer.set(producerId, [...records]);
  }

  /** The transaction has ended: what was waiting for that. */
  take(producerId: number): readonly LoadedRecord[] {
    const records = this.#byProducer.get(producerId) ?? [];
    this.#byProducer.delete(producerId);
    return records;
  }

  /** What somebody waits for: all of a group, or of one partition. */
  *of(group: string, topic?: string, partition?: number): Generator<LoadedRecord & { kind: "offset-commit" }> {
    if (this.#byProducer.size === 0) return;
    for (const records of this.#byProducer.values()) {
      for (const record of records) {
        if (record.kind !== "offset-commit" || record.group !== group) continue;
        if (topic === undefined || (record.topic === topic && record.partition === partition)) yield record;
      }
    }
  }

  /** Those of a topic, of whichever group. */
  *ofTopic(topic: string): Generator<LoadedRecord & { kind: "offset-commit" }> {
    for (const records of this.#byProducer.values()) {
      for (const record of records) if (record.kind === "offset-commit" && record.topic === topic) yield record;
    }
  }

  /** A tombstone was written at `at`. */
  forget(group: string, topic: string, partition: number, at: number): void {
    for (const [producerId, records] of this.#byProducer) {
      const isLeft = (record: LoadedRecord) =>
        record.kind !== "offset-commit" ||
        record.group !== group ||
        record.topic !== topic ||
        record.partition !== partition ||
        record.at > at;
      if (!records.every(isLeft)) this.#byProducer.set(producerId, records.filter(isLeft));
    }
  }
}

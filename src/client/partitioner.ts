/**
 * Which partition a record goes to, as Kafka's Java client chooses:
 *   the record's own `partition`, else a custom partitioner's answer, else murmur2(key) % partitions, else, without a key,
 *   the sticky partition: one for all until its batch is sealed, then the next one. So records without keys fill one batch
 *   after the other instead of opening one in every partition.
 */
import { VarveError } from "../errors.ts";
import type { ProducerRecord } from "./producer-record.ts";
import { kindOf } from "./serde.ts";

/** Your own choice: a partition from 0 to `partitionCount` − 1. Not asked for records that name their partition. */
export type Partitioner = (record: ProducerRecord<unknown>, partitionCount: number, topic: string) => number;

/** What a producer remembers about one topic's partitions. */
export class Partitioning {
  readonly custom: Partitioner | undefined;
  #sticky = 0;

  constructor(custom: Partitioner | undefined) {
    this.custom = custom;
  }

  /** Where records without keys go now. */
  sticky(): number {
    return this.#sticky;
  }

  /** A batch of `partition` was sealed: if it was the sticky one, the next records without keys go to the one behind. */
  sealed(partition: number, partitionCount: number): void {
    if (partition === this.#sticky) this.#sticky = (partition + 1) % partitionCount;
  }

  ask(record: ProducerRecord<unknown>, partitionCount: number, topic: string): number {
    const partition: unknown = this.custom!(record, partitionCount, topic);
    if (Number.isInteger(partition) && (partition as number) >= 0 && (partition as number) < partitionCount) {
      return partition as number;
    }
    const what = typeof partition === "number" ? String(partition) : kindOf(partition);
    throw new VarveError(
      "VARVE_UNKNOWN_PARTITION",
      `the partitioner answered ${what} for ${topic}: expected a whole number from 0 to ${partitionCount - 1}`,
      { topic },
    );
  }
}

export function checkPartition(partition: unknown, target: { name: string; partitionCount: number }): number {
  if (typeof partition === "number" && Number.isInteger(partition)) {
    if (partition >= 0 && partition < target.partitionCount) return partition;
    throw new VarveError(
      "VARVE_UNKNOWN_PARTITION",
      `${target.name} has no partition ${partition}: it has ${target.partitionCount}, counted from 0`,
      { topic: target.name, partition },
    );
  }
  const what = typeof partition === "number" ? String(partition) : kindOf(partition);
  throw new VarveError("VARVE_INVALID_ARGUMENT", `partition: expected a whole number from 0, not ${what}`, {
    topic: target.name,
  });
}

/** Below this a byte loop beats the call into the runtime. */
const SHORT = 48;

/** Holds one key as bytes, to be hashed. */
export class KeyScratch {
  bytes = Buffer.allocUnsafeSlow(256);

  /** Encodes the key; returns how many bytes it takes. */
  write(key: string): number {
    const { length } = key;
    // UTF-8 takes at most three bytes for each unit of a string.
    if (length * 3 > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(length * 3);
    if (length > SHORT) return this.bytes.write(key, 0, "utf8");
    const { bytes } = this;
    for (let i = 0; i < length; i++) {
      const unit = key.charCodeAt(i);
      if (unit > 0x7f) return bytes.write(key, 0, "utf8");
      bytes[i] = unit;
    }
    return length;
  }
}

/** Engines under test: in memory, with a clock and an identity that the test holds in its hand. */
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import type { Identity } from "../../src/engine/identity.ts";
import type { Partition } from "../../src/engine/partition.ts";
import { hasCode, type VarveError } from "../../src/errors.ts";
import { BatchBuilder, type SealedBatch } from "../../src/format/batch-builder.ts";
import { MAX_UNPACKED_BYTES } from "../../src/format/compression.ts";
import { COLUMNS, VALUE_AT, VALUE_LENGTH } from "../../src/format/record.ts";

export const FOLDER = "/data";

/** A process of which the others with the same boot know whether it lives. */
export function identity(pid: number, given: Partial<Identity> & { alive?: number[] } = {}): Identity {
  const { alive = [pid], ...rest } = given;
  return {
    pid,
    hostName: "host",
    bootId: "boot-1",
    processStart: (of) => (alive.includes(of) ? `start-of-${of}` : undefined),
    isAlive: (of) => alive.includes(of),
    ...rest,
  };
}

/** As process 1, unless the options say otherwise. */
export function openEngine(options: EngineOptions): Promise<Engine> {
  return Engine.open(FOLDER, { identity: identity(1), ...options });
}

/** As the next process of the same boot, the ones before it being dead. */
export function reopenEngine(options: EngineOptions): Promise<Engine> {
  return Engine.open(FOLDER, { identity: identity(2), ...options });
}

/** After the machine was started again. */
export function rebootEngine(options: EngineOptions): Promise<Engine> {
  return Engine.open(FOLDER, { identity: identity(3, { bootId: "boot-2" }), ...options });
}

export function batchOf(values: readonly string[], timestamp = 1): SealedBatch {
  const builder = new BatchBuilder();
  for (const value of values) builder.append(null, value, undefined, timestamp);
  return builder.seal();
}

export function append(partition: Partition, ...values: string[]): number {
  return partition.append(batchOf(values));
}

/** Every value of the partition, up to its high watermark. */
export function valuesOf(partition: Partition): string[] {
  const values: string[] = [];
  let offset = partition.startOffset;
  const end = partition.highWatermark;
  while (offset < end) {
    const batches = partition.read(offset, 64 * 1024, end);
    if (batches.length === 0) break;
    for (const batch of batches) {
      const { bytes, count, rows } = batch.records(MAX_UNPACKED_BYTES);
      for (let index = 0; index < count; index++) {
        if (batch.baseOffset + index < partition.startOffset) continue;
        const row = index * COLUMNS;
        const at = rows[row + VALUE_AT];
        values.push(Buffer.from(bytes.subarray(at, at + rows[row + VALUE_LENGTH])).toString());
      }
    }
    offset = batches[batches.length - 1].nextOffset;
  }
  return values;
}

/** The VarveError that a call ends with; anything else fails the test. */
export async function errorOf(call: () => unknown): Promise<VarveError> {
  try {
    await call();
  } catch (error) {
    if (hasCode(error, (error as VarveError).code)) return error;
    throw error;
  }
  throw new Error("an error was expected, and none came");
}

/** The records of the tour: each can be told from its number alone, so that what is read can be checked without a copy. */
import type { Topic } from "../index.ts";
import { percentileOf } from "./numbers.ts";

/** As long as the measurements of the documents use. */
const VALUE_LENGTH = 100;
const FILLER = "the quick brown fox jumps over the lazy dog and runs into the forest ".repeat(2);

export function keyAt(index: number): string {
  return `order-${String(index).padStart(10, "0")}`;
}

export function valueAt(index: number): string {
  const start = `{"number":${index},"text":"`;
  return `${start}${FILLER.slice(0, VALUE_LENGTH - start.length - 2)}"}`;
}

/** Finds out whether a topic that is read holds the records 0 to count − 1: each once, and in order in its partition. */
export class Reading {
  count = 0;
  problem: string | undefined;
  readonly #seen: Uint8Array;
  readonly #last: number[];

  constructor(count: number, partitions: number) {
    this.#seen = new Uint8Array(count);
    this.#last = new Array(partitions).fill(-1);
  }

  note(partition: number, offset: number, key: string | null, value: unknown): void {
    this.count++;
    const index = key === null ? Number.NaN : Number(key.slice("order-".length));
    const isRight = this.#seen[index] === 0 && index > this.#last[partition] && value === valueAt(index);
    this.#seen[index] = 1;
    this.#last[partition] = index;
    if (!isRight)
      this.problem ??= `offset ${offset} of partition ${partition} has the key ${key} and the value ${value}`;
  }

  /** Undefined when all is as it was written. */
  verdict(): string | undefined {
    const missing = this.#seen.indexOf(0);
    return this.problem ?? (missing < 0 ? undefined : `${keyAt(missing)} is missing`);
  }
}

export interface Latency {
  p50: number;
  p99: number;
  max: number;
}

/** A slow disk has its say in fewer sends. */
const LONGEST_MS = 3000;

/** Sends records one by one, each acknowledged before the next. In milliseconds. */
export async function measureLatency(topic: Topic<string>, count: number): Promise<Latency> {
  const times: number[] = [];
  const end = performance.now() + LONGEST_MS;
  for (let index = 0; index < count && (index === 0 || performance.now() < end); index++) {
    const started = performance.now();
    await topic.send({ key: keyAt(index), value: valueAt(index) });
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return { p50: percentileOf(times, 0.5), p99: percentileOf(times, 0.99), max: times[times.length - 1] };
}

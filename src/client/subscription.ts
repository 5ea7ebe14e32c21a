/** Which topics a consumer reads: named ones, which must exist, and patterns, which also match topics made later. */
import type { Topic } from "../engine/topic.ts";
import { VarveError } from "../errors.ts";
import type { ClientContext } from "./context.ts";
import { checkPartition } from "./partitioner.ts";

/** Kafka's own topics, which a pattern never means. */
const INTERNAL = /^__/;

export class Subscription {
  readonly #named = new Set<Topic>();
  readonly #patterns: RegExp[] = [];
  readonly #partitions: readonly number[] | undefined;

  constructor(topics: readonly unknown[], partitions: readonly number[] | undefined, context: ClientContext) {
    for (const topic of topics) {
      if (topic instanceof RegExp) this.#patterns.push(topic);
      else this.#named.add(context.topic(topic));
    }
    this.#partitions = partitions;
    if (partitions === undefined) return;
    for (const topic of this.#named) for (const partition of partitions) checkPartition(partition, topic);
    if (this.#patterns.length === 0) return;
    throw new VarveError("VARVE_INVALID_OPTION", "partitions: cannot be given together with a RegExp in topics", {
      option: "partitions",
    });
  }

  /** Whether it can only ever be one topic. */
  get isSingle(): boolean {
    return this.#named.size === 1 && this.#patterns.length === 0;
  }

  isNamed(topic: Topic): boolean {
    return this.#named.has(topic);
  }

  /** The topics that match now. */
  topicsAmong(all: Iterable<Topic>): Topic[] {
    const topics = new Set(this.#named);
    for (const topic of all) if (this.#matches(topic.name)) topics.add(topic);
    return [...topics];
  }

  partitionsOf(topic: Topic): readonly number[] {
    return this.#partitions ?? Array.from({ length: topic.partitionCount }, (_, partition) => partition);
  }

  /** `search` rather than `test`, which remembers where it stopped when the flag g or y is set. */
  #matches(name: string): boolean {
    return !INTERNAL.test(name) && this.#patterns.some((pattern) => name.search(pattern) >= 0);
  }
}

/** What a consumer tells besides its records, by events and through the logger. */
import { Emitter } from "../engine/emitter.ts";
import type { Logger } from "../engine/engine-options.ts";
import type { VarveError } from "../errors.ts";
import type { Fetcher, SkippedEvent } from "./fetcher.ts";
import type { TopicPartition, TopicPartitionOffset } from "./start-positions.ts";

/** What a consumer tells besides its records: `consumer.on("skipped", (event) => …)`. */
export interface ConsumerEvents {
  /** Partitions that this consumer reads from now on. */
  assigned: TopicPartition[];
  /** And those that it no longer reads. */
  revoked: TopicPartition[];
  /** A record is in hand for longer than `maxPollIntervalMs`. */
  stalled: TopicPartitionOffset & { maxPollIntervalMs: number };
  /** A position was out of range, and reading went on elsewhere. */
  skipped: SkippedEvent;
  /** A damaged range was passed over: see `from`, `to`, `file` and `position`. */
  corrupt: VarveError;
}

const EVENTS = ["assigned", "revoked", "stalled", "skipped", "corrupt"] as const;

export class ConsumerReports extends Emitter<ConsumerEvents> {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    super(EVENTS, (error) => logger.error?.(`a listener of a consumer threw: ${error}`));
    this.#logger = logger;
  }

  skipped(event: SkippedEvent): void {
    const { topic, partition, from, to } = event;
    this.#logger.warn?.(`${topic}-${partition} has no offset ${from}: reading goes on at ${to}`);
    this.emit("skipped", event);
  }

  stalled({ topic, partition, processed: offset }: Fetcher, maxPollIntervalMs: number): void {
    const where = `${topic.name}-${partition.index}`;
    this.#logger.warn?.(`${where}: offset ${offset} is in hand for more than ${maxPollIntervalMs} ms`);
    this.emit("stalled", { topic: topic.name, partition: partition.index, offset, maxPollIntervalMs });
  }
}

/** What producers, consumers and topics need from the log they belong to. */
import type { Engine } from "../engine/engine.ts";
import type { Topic } from "../engine/topic.ts";
import type { VarveError } from "../errors.ts";
import type { ProducerRecord, RecordMetadata, TopicReference } from "./producer-record.ts";
import type { AnyCodec } from "./serde.ts";

/** A producer or a consumer. */
export interface Client {
  /** What it is, for a report of what was left open. */
  readonly label: string;
  close(): Promise<void>;
  /** Ends at once, rejecting what is pending. */
  abort(error: VarveError): void;
}

export interface ClientContext {
  readonly engine: Engine;
  /** The topic that a handle or a name stands for. Throws when it is unknown, deleted, or of another log. */
  topic(reference: unknown): Topic;
  /** The topic again. Throws when it has been deleted, or the log is closed. */
  checked(topic: Topic): Topic;
  /** The codec that this process was told for the topic, else the one stored with it. */
  codecOf(topic: Topic): AnyCodec | undefined;
  /** By the producer that all handles of the log share. */
  send<V>(topic: TopicReference<V>, record: ProducerRecord<V>): Promise<RecordMetadata>;
  /** The log closes what is still open. */
  opened(client: Client): void;
  closed(client: Client): void;
}

/** One string for a partition: a topic's name has no slash. */
export function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

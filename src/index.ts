/** What users import from "varve". */

export type { Consumer, PartitionLag } from "./client/consumer.ts";
export type { ConsumerEvents } from "./client/consumer-events.ts";
export type { ConsumerGroup, GroupDescription, GroupLag, GroupMemberDescription } from "./client/consumer-group.ts";
export type { OnCorrupt, OutOfRange, SkippedEvent } from "./client/fetcher.ts";
export { DEAD_LETTER_HEADERS } from "./client/group-handling.ts";
export type { Handling, ResetOptions, ResetTarget, RetryOptions, RunOptions } from "./client/group-options.ts";
export type { LatestValues } from "./client/latest-values.ts";
export type { OffsetReset } from "./client/offset-reset.ts";
export { type OpenOptions, open, type Surroundings } from "./client/open.ts";
export type { BatchesOptions, ConsumerOptions, ProducerOptions, ReadOptions } from "./client/options.ts";
export type { Partitioner } from "./client/partitioner.ts";
export type { BatchMetadata, Producer, ProducerEvents } from "./client/producer.ts";
export type {
  HeadersInput,
  HeaderValue,
  ProducerRecord,
  RecordMetadata,
  TopicReference,
} from "./client/producer-record.ts";
export type { ConsumerRecord } from "./client/record.ts";
export type { RecordBatch } from "./client/record-batch.ts";
export type { AnyCodec, Codec, CodecOption, KeyCodec } from "./client/serde.ts";
export type { From, OffsetsInput, TopicPartition, TopicPartitionOffset, Until } from "./client/start-positions.ts";
export type { CompactionResult, PartitionOffset, TopicConsumerOptions, TopicHandle as Topic } from "./client/topic.ts";
export type { OffsetsSource, Transaction } from "./client/transaction.ts";
export type { CloseOptions, GroupListing, TopicOptions, VarveLog } from "./client/varve-log.ts";
export type { CleanupPolicy, CodecName, ConfigChanges, Durability, TopicConfig } from "./engine/config.ts";
export type { EngineEvents as LogEvents } from "./engine/engine.ts";
export type { Logger } from "./engine/engine-options.ts";
export type { GroupState } from "./engine/groups/requests.ts";
export type { Isolation } from "./engine/partition.ts";
export type { PartitionDescription, TopicDescription } from "./engine/topic.ts";
export { ERRORS, type ErrorCode, type ErrorPlace, hasCode, VarveError } from "./errors.ts";
export type { TimestampType } from "./format/batch.ts";
export type { Compression } from "./format/compression.ts";
export type { Headers } from "./format/record.ts";

/**
 * The records of `__consumer_offsets`: what a group has committed, and who is in it. Key and value start with their
 * version (int16); the key's version says what kind of record it is.
 *
 *   key 0, 1   an offset commit: group, topic, partition      value versions 0–4, 3 is written
 *   key 2      the state of a group: group                    value versions 0–4, 3 is written
 *   key 3…     records of Kafka's newer group protocols: "unknown" here, to be left alone
 *
 * A value of null (a tombstone) deletes what the key names; that is the caller's to see. Nothing that is read refers to
 * the input.
 */
import {
  array,
  bytes as binary,
  flexible,
  type Infer,
  type Input,
  int32,
  int64,
  nullableString,
  type ReadOptions,
  since,
  string,
  struct,
  tagged,
  until,
  uuid,
} from "./schema.ts";
import { readVersioned, versionOf, writeVersioned } from "./versioned.ts";

const OFFSET_COMMIT_KEY_VERSION = 1;
const GROUP_METADATA_KEY_VERSION = 2;
const NEWEST_VALUE_VERSION = 4;
/** The newest version without tagged fields: the last one that every broker since 2.1 reads. */
const WRITTEN_VALUE_VERSION = 3;

const OffsetCommitKey = struct({ group: string, topic: string, partition: int32 });
const GroupMetadataKey = struct({ group: string });

const OffsetCommitValue = flexible(
  4,
  struct({
    offset: int64,
    leaderEpoch: since(3, int32, -1),
    metadata: string,
    commitTimestamp: int64,
    expireTimestamp: until(1, since(1, int64, -1)),
    topicId: tagged(0, 4, uuid),
  }),
);

const Member = struct({
  memberId: string,
  groupInstanceId: since(3, nullableString),
  clientId: string,
  clientHost: string,
  rebalanceTimeout: since(1, int32, -1),
  sessionTimeout: int32,
  subscription: binary,
  assignment: binary,
});

const GroupMetadataValue = flexible(
  4,
  struct({
    protocolType: string,
    generation: int32,
    protocol: nullableString,
    leader: nullableString,
    currentStateTimestamp: since(2, int64, -1),
    members: array(Member),
  }),
);

export type OffsetCommitValue = Infer<typeof OffsetCommitValue>;
export type GroupMetadataValue = Infer<typeof GroupMetadataValue>;

export type GroupKey =
  | { kind: "offset-commit"; version: number; group: string; topic: string; partition: number }
  | { kind: "group-metadata"; version: number; group: string }
  | { kind: "unknown"; version: number };

export function readGroupKey(bytes: Uint8Array): GroupKey {
  const version = versionOf(bytes);
  if (version > GROUP_METADATA_KEY_VERSION) return { kind: "unknown", version };
  if (version === GROUP_METADATA_KEY_VERSION) {
    return {
      kind: "group-metadata",
      version,
      ...readVersioned("group metadata key", GroupMetadataKey, version, bytes),
    };
  }
  return { kind: "offset-commit", version, ...readVersioned("offset commit key", OffsetCommitKey, 1, bytes) };
}

export function writeOffsetCommitKey(group: string, topic: string, partition: number): Uint8Array {
  return writeVersioned(OffsetCommitKey, { group, topic, partition }, OFFSET_COMMIT_KEY_VERSION);
}

export function writeGroupMetadataKey(group: string): Uint8Array {
  return writeVersioned(GroupMetadataKey, { group }, GROUP_METADATA_KEY_VERSION);
}

export function readOffsetCommitValue(bytes: Uint8Array, options?: ReadOptions): OffsetCommitValue {
  return readVersioned("offset commit value", OffsetCommitValue, NEWEST_VALUE_VERSION, bytes, options);
}

export function writeOffsetCommitValue(value: Input<typeof OffsetCommitValue>): Uint8Array {
  return writeVersioned(OffsetCommitValue, value, WRITTEN_VALUE_VERSION);
}

/** Members of version 0 have no rebalance timeout of their own: Kafka takes the session timeout. */
export function readGroupMetadataValue(bytes: Uint8Array, options?: ReadOptions): GroupMetadataValue {
  const value = readVersioned("group metadata value", GroupMetadataValue, NEWEST_VALUE_VERSION, bytes, options);
  for (const member of value.members) {
    if (versionOf(bytes) === 0) member.rebalanceTimeout = member.sessionTimeout;
    member.subscription = member.subscription.slice();
    member.assignment = member.assignment.slice();
  }
  return value;
}

export function writeGroupMetadataValue(value: Input<typeof GroupMetadataValue>): Uint8Array {
  return writeVersioned(GroupMetadataValue, value, WRITTEN_VALUE_VERSION);
}

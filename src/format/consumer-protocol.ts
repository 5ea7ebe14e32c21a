/**
 * What the members of a consumer group say to each other through the coordinator, which does not look into it: which topics a
 * member wants and what it has (its subscription, in JoinGroup), and what the leader gives it (its assignment, in SyncGroup).
 *
 * Both start with their version (int16); 0 to 3 are known and 3 is written. A newer one is read as 3, whatever follows
 * it: the protocol only ever appends fields. What is read of bytes refers to the input.
 */
import { VarveError } from "../errors.ts";
import { MessageReader } from "./message-reader.ts";
import {
  array,
  type Infer,
  type Input,
  int32,
  nullableBytes,
  nullableString,
  since,
  string,
  struct,
  type Type,
} from "./schema.ts";
import { versionOf, writeVersioned } from "./versioned.ts";

const NEWEST_VERSION = 3;
const VERSION_BYTES = 2;

/** Every element of an array costs memory, however few bytes it has. */
const MOST_ELEMENTS = 1_000_000;

const TopicPartitions = struct({ topic: string, partitions: array(int32) });

const Subscription = struct({
  topics: array(string),
  userData: nullableBytes,
  ownedPartitions: since(1, array(TopicPartitions)),
  /** Of the assignment that `ownedPartitions` is from; -1: unknown. */
  generationId: since(2, int32, -1),
  rackId: since(3, nullableString),
});

const Assignment = struct({
  assignedPartitions: array(TopicPartitions),
  userData: nullableBytes,
});

export type Subscription = Infer<typeof Subscription>;
export type Assignment = Infer<typeof Assignment>;

export function readSubscription(bytes: Uint8Array): Subscription {
  return readPrefix("consumer subscription", Subscription, bytes);
}

export function writeSubscription(subscription: Input<typeof Subscription>, version = NEWEST_VERSION): Uint8Array {
  return writeVersioned(Subscription, subscription, version);
}

/** No bytes at all are no partitions: so the coordinator answers whom the leader has not thought of. */
export function readAssignment(bytes: Uint8Array): Assignment {
  if (bytes.length === 0) return { assignedPartitions: [], userData: null };
  return readPrefix("consumer assignment", Assignment, bytes);
}

export function writeAssignment(assignment: Input<typeof Assignment>, version = NEWEST_VERSION): Uint8Array {
  return writeVersioned(Assignment, assignment, version);
}

/** Reads the fields that are known and leaves what follows. */
function readPrefix<T, I>(what: string, type: Type<T, I>, bytes: Uint8Array): T {
  const version = versionOf(bytes);
  if (version < 0) throw new VarveError("VARVE_CORRUPT", `a ${what} of version ${version}`, { position: 0 });
  const known = Math.min(version, NEWEST_VERSION);
  const options = { maxElements: MOST_ELEMENTS };
  return type.read(new MessageReader(bytes, known, VERSION_BYTES, bytes.length, options));
}

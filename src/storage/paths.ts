/**
 * Every name in a data directory: made here, parsed here, and nowhere else.
 *
 *   data/
 *     meta.properties  .lock  topics.json  topics.json.previous  .kafka_cleanshutdown
 *     .lock.TOKEN  .lock.TOKEN-claim             openers in the act of taking the lock
 *     recovery-point-offset-checkpoint  log-start-offset-checkpoint  replication-offset-checkpoint  cleaner-offset-checkpoint
 *     TOPIC-PARTITION/
 *       00000000000000000000.log  .index  .timeindex  .txnindex  .snapshot     (20 digits: the base offset)
 *       leader-epoch-checkpoint  partition.metadata  .poisoned
 *     TOPIC-PARTITION.UUID-delete/   being deleted      TOPIC-PARTITION.UUID-future/  -stray/   Kafka's, left alone
 *
 * The end of a name says what becomes of the file: .deleted (goes), .cleaned (half made), .swap (made, to be put in place),
 * .corrupt-TIMESTAMP (cut off by recovery, kept for a human), .tmp (half written, goes).
 *
 * Paths are absolute and separated by "/", on Windows too, and in memory ("/" is the root there).
 */
import { resolve } from "node:path";
import { VarveError } from "../errors.ts";

export const META_PROPERTIES = "meta.properties";
export const LOCK = ".lock";
export const CATALOGUE = "topics.json";
export const PREVIOUS_CATALOGUE = "topics.json.previous";
export const CLEAN_SHUTDOWN = ".kafka_cleanshutdown";
export const RECOVERY_POINT_CHECKPOINT = "recovery-point-offset-checkpoint";
export const LOG_START_CHECKPOINT = "log-start-offset-checkpoint";
export const HIGH_WATERMARK_CHECKPOINT = "replication-offset-checkpoint";
export const CLEANER_CHECKPOINT = "cleaner-offset-checkpoint";
export const LEADER_EPOCH_CHECKPOINT = "leader-epoch-checkpoint";
export const PARTITION_METADATA = "partition.metadata";
/** Left in a partition's folder when a sync failed: its unsynced bytes may exist in the page cache alone. */
export const POISONED = ".poisoned";

const TEMPORARY = ".tmp";
const CLAIM = "-claim";
const MAX_TOPIC_LENGTH = 249;
const MAX_FOLDER_LENGTH = 255;
const MAX_PARTITION = 2 ** 31 - 1;

// ---- paths

/** The path of something below `folder`. */
export function join(folder: string, ...names: string[]): string {
  const below = names.join("/");
  return folder.endsWith("/") ? folder + below : `${folder}/${below}`;
}

/** The folder that holds it. */
export function parentOf(path: string): string {
  const end = path.lastIndexOf("/");
  // What is left of "/data" is the root, and of "C:/data" the drive, which keeps its slash.
  return end <= 0 || path[end - 1] === ":" ? path.slice(0, end + 1) : path.slice(0, end);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A path as a user gives it (relative, or with backslashes on Windows) as one of ours. */
export function absolutePath(path: string, windows = process.platform === "win32"): string {
  const absolute = resolve(path);
  return windows ? absolute.replaceAll("\\", "/") : absolute;
}

/** Where a file is written before it is renamed into place. */
export function temporaryPath(path: string): string {
  return path + TEMPORARY;
}

export function isTemporary(name: string): boolean {
  return name.endsWith(TEMPORARY);
}

// ---- the lock

/** Where an opener writes its lock before it puts it in place. */
export function asideLock(token: string): string {
  return `${LOCK}.${token}`;
}

/** Held by the one opener that may replace the stale lock of that token. */
export function lockClaim(staleToken: string): string {
  return `${LOCK}.${staleToken}${CLAIM}`;
}

/** Names that openers leave behind when they die in the act. */
export function isLockLeftover(name: string): boolean {
  return name.startsWith(`${LOCK}.`);
}

// ---- topics

/** Windows takes these for devices, alone and before any dot. CONIN$ and CONOUT$ fall to the rule on characters. */
const DEVICE = /^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)/i;

/**
 * Says what is wrong with a topic name; undefined when nothing is.
 *
 * Kafka's rule, and no Windows device name before a dot, on every system, so that a data directory can move between them.
 * A dot at the end is allowed, as in Kafka: Windows drops it only from the end of a file name, and a folder's name ends
 * in the partition number.
 */
export function topicNameProblem(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name.length > MAX_TOPIC_LENGTH) return `it has ${name.length} characters; the most is ${MAX_TOPIC_LENGTH}`;
  if (name === "." || name === "..") return `it may not be "." or ".."`;
  const bad = /[^a-zA-Z0-9._-]/.exec(name);
  if (bad) return `it holds ${JSON.stringify(bad[0])} at position ${bad.index}; only a-z A-Z 0-9 . _ - are allowed`;
  const device = DEVICE.exec(name);
  if (device) return `${device[1]} is the name of a device on Windows`;
  return undefined;
}

// ---- partition folders

/** "deleted" is ours to remove; "future" and "stray" are a Kafka broker's and are left alone. */
export type FolderState = "live" | "deleted" | "future" | "stray";

export interface PartitionFolder {
  /** Cut short when the name was too long for the suffix; exact when live. */
  topic: string;
  partition: number;
  state: FolderState;
}

const FOLDER = /^([a-zA-Z0-9._-]+)-(0|[1-9][0-9]{0,9})$/;
const SUFFIXED_FOLDER = /^(.+)\.[^.]+-(delete|future|stray)$/;
const FOLDER_STATES = { delete: "deleted", future: "future", stray: "stray" } as const;

export function partitionFolder(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/**
 * The name under which a partition waits to be removed. `id` makes it unique: 32 hexadecimal digits, a UUID without dashes.
 * Kafka's rule: of a topic too long the end is cut off, so that the whole stays within 255 characters.
 */
export function deletedPartitionFolder(topic: string, partition: number, id: string): string {
  const suffix = `-${partition}.${id}-delete`;
  return topic.slice(0, MAX_FOLDER_LENGTH - suffix.length) + suffix;
}

/** Undefined for what is no partition folder. Names that Kafka allows pass, also those that topicNameProblem refuses. */
export function parsePartitionFolder(name: string): PartitionFolder | undefined {
  const suffixed = SUFFIXED_FOLDER.exec(name);
  const match = FOLDER.exec(suffixed ? suffixed[1] : name);
  if (!match || match[1] === "." || match[1] === "..") return undefined;
  const partition = Number(match[2]);
  if (partition > MAX_PARTITION) return undefined;
  const state = suffixed ? FOLDER_STATES[suffixed[2] as keyof typeof FOLDER_STATES] : "live";
  return { topic: match[1], partition, state };
}

// ---- the files of a segment

export const SEGMENT_FILES = ["log", "index", "timeindex", "txnindex", "snapshot"] as const;
export type SegmentFileKind = (typeof SEGMENT_FILES)[number];
export type SegmentFileState = "live" | "deleted" | "cleaned" | "swap" | "corrupt";

export interface SegmentFile {
  /** Of the segment; for a snapshot, the offset that its state reaches up to. */
  baseOffset: number;
  kind: SegmentFileKind;
  state: SegmentFileState;
  /** When recovery cut it off; only where the state is "corrupt". */
  corruptSinceMs?: number;
}

const SEGMENT_FILE =
  /^([0-9]{20})\.(log|index|timeindex|txnindex|snapshot)(?:\.(deleted|cleaned|swap)|\.corrupt-([0-9]{1,16}))?$/;

/** "00000000000000004711.log" */
export function segmentFile(baseOffset: number, kind: SegmentFileKind): string {
  // Most partitions have a segment that begins at 0, and every path keeps the pieces that it was put together from.
  const digits = baseOffset === 0 ? ZERO_DIGITS : String(baseOffset).padStart(20, "0");
  return `${digits}.${kind}`;
}

const ZERO_DIGITS = "00000000000000000000";

/** "00000000000000004711.log.deleted"; takes a name or a path. */
export function withState(segmentFile: string, state: "deleted" | "cleaned" | "swap"): string {
  return `${segmentFile}.${state}`;
}

/** "00000000000000004711.log.corrupt-1735689600000"; takes a name or a path. */
export function corruptPiece(segmentFile: string, nowMs: number): string {
  return `${segmentFile}.corrupt-${Math.trunc(nowMs)}`;
}

/** Undefined for what is no file of a segment. */
export function parseSegmentFile(name: string): SegmentFile | undefined {
  const match = SEGMENT_FILE.exec(name);
  if (!match) return undefined;
  const [, digits, kind, state, corruptSince] = match;
  const baseOffset = Number(digits);
  if (!Number.isSafeInteger(baseOffset)) {
    throw new VarveError("VARVE_UNSAFE_INTEGER", `the base offset in the file name ${name} is larger than 2^53 - 1`, {
      file: name,
    });
  }
  const file: SegmentFile = { baseOffset, kind: kind as SegmentFileKind, state: "live" };
  if (state) file.state = state as SegmentFileState;
  if (corruptSince) return { ...file, state: "corrupt", corruptSinceMs: Number(corruptSince) };
  return file;
}

/** The small files of a data directory: each name, and how what it holds is read as objects for printing. */
import { hasCode, VarveError } from "../errors.ts";
import {
  parseCleanShutdown,
  parseLeaderEpochs,
  parseMetaProperties,
  parseOffsetCheckpoint,
  parsePartitionMetadata,
} from "../format/checkpoints.ts";
import type { File, Files } from "../storage/files.ts";
import {
  CLEAN_SHUTDOWN,
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LEADER_EPOCH_CHECKPOINT,
  LOG_START_CHECKPOINT,
  META_PROPERTIES,
  PARTITION_METADATA,
  RECOVERY_POINT_CHECKPOINT,
} from "../storage/paths.ts";

type Read = (bytes: Uint8Array, file: string) => object[];

/** By name. Throws what the parsers throw: VARVE_CORRUPT and VARVE_UNSUPPORTED_VERSION. */
export const SMALL_FILES: Readonly<Record<string, Read>> = {
  [RECOVERY_POINT_CHECKPOINT]: parseOffsetCheckpoint,
  [LOG_START_CHECKPOINT]: parseOffsetCheckpoint,
  [HIGH_WATERMARK_CHECKPOINT]: parseOffsetCheckpoint,
  [CLEANER_CHECKPOINT]: parseOffsetCheckpoint,
  [LEADER_EPOCH_CHECKPOINT]: parseLeaderEpochs,
  [PARTITION_METADATA]: (bytes, file) => [{ version: 0, topicId: parsePartitionMetadata(bytes, file) }],
  [META_PROPERTIES]: (bytes, file) => [parseMetaProperties(bytes, file)],
  [CLEAN_SHUTDOWN]: (bytes, file) => [parseCleanShutdown(bytes, file)],
};

/** No index, snapshot or checkpoint is larger. What is read whole is bounded by this. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The whole file; undefined when it is missing. */
export function readSmallFile(files: Files, path: string): Uint8Array | undefined {
  const info = files.stat(path);
  if (info !== undefined && info.size > MAX_BYTES) {
    const message = `${path} has ${info.size} bytes; a file of its kind has at most ${MAX_BYTES}`;
    throw new VarveError("VARVE_CORRUPT", message, { file: path });
  }
  return files.read(path);
}

/** Opens a file that may go meanwhile; undefined when it is gone. */
export function openIfThere(files: Files, path: string): File | undefined {
  if (files.stat(path) === undefined) return undefined;
  try {
    return files.open(path, "read");
  } catch (error) {
    if (hasCode(error, "VARVE_IO") && files.stat(path) === undefined) return undefined;
    throw error;
  }
}

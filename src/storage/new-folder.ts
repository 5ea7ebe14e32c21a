/**
 * The folder of a new partition. What is put into it is synced file by file; the names of all of it together, once, when the log is
 * ready to be used, and the folder's own name last. Until then no record is in it, and whoever opens it after a crash goes on with
 * what is there.
 */
import { VarveError } from "../errors.ts";
import { formatPartitionMetadata } from "../format/checkpoints.ts";
import type { LogState } from "./log-state.ts";
import { join, PARTITION_METADATA, parentOf } from "./paths.ts";
import { placeFile } from "./replace-file.ts";

/** `topicId` is "" when it is unknown. */
export async function makeFolder(state: LogState, topicId: string): Promise<void> {
  const { files, folder, readOnly, topic, partition } = state;
  if (readOnly) {
    const message = `${topic}-${partition} has no folder at ${folder}`;
    throw new VarveError("VARVE_UNKNOWN_PARTITION", message, { topic, partition, file: folder });
  }
  files.makeFolder(folder);
  if (topicId !== "") await placeFile(files, join(folder, PARTITION_METADATA), formatPartitionMetadata(topicId));
}

export async function syncNewFolder({ files, folder }: LogState): Promise<void> {
  await files.syncFolder(folder);
  await files.syncFolder(parentOf(folder));
}

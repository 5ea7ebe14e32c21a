/** What lies at a path: nothing, a data directory of ours, one of Kafka's, one partition folder, or something else. */
import { VarveError } from "../errors.ts";
import { parseMetaProperties, parsePartitionMetadata } from "../format/checkpoints.ts";
import { ZERO_UUID } from "../format/uuid.ts";
import type { Files } from "../storage/files.ts";
import {
  CATALOGUE,
  isTemporary,
  join,
  META_PROPERTIES,
  nameOf,
  PARTITION_METADATA,
  type PartitionFolder,
  parsePartitionFolder,
  parseSegmentFile,
} from "../storage/paths.ts";
import { hasCatalogue } from "./catalogue.ts";

/**
 * "new": an empty folder, or one whose first opener died before it was done. "lost": ours by its meta.properties, without
 * a catalogue. "partition": the folder of a single partition.
 */
export type DirectoryKind = "missing" | "new" | "varve" | "lost" | "kafka" | "partition" | "foreign";

/** The ids of directories that varve makes begin with this: so they are known as ours when the catalogue is gone. */
export const DIRECTORY_ID_PREFIX = "varve";

export function kindOf(files: Files, path: string): DirectoryKind {
  const names = files.list(path);
  if (names === undefined) {
    if (files.stat(path) === undefined) return "missing";
    throw new VarveError("VARVE_NOT_FOUND", `${path} is not a folder`, { file: path });
  }
  if (hasCatalogue(files, path)) return "varve";
  if (isOurs(files, path)) return "lost";
  if (names.every(isHarmless)) return "new";
  if (parsePartitionFolder(nameOf(path)) && names.some((name) => parseSegmentFile(name)?.kind === "log")) {
    return "partition";
  }
  const isKafkas = names.includes(META_PROPERTIES) || names.some((name) => isFilledPartition(files, path, name));
  return isKafkas ? "kafka" : "foreign";
}

/** The partition folders in use, in the order of their names. */
export function livePartitionFolders(files: Files, path: string): string[] {
  return (files.list(path) ?? []).filter((name) => isLivePartition(files, path, name));
}

/** The partitions that each topic has there. */
export function discoverTopics(folders: readonly string[]): Map<string, number[]> {
  const topics = new Map<string, number[]>();
  for (const name of folders) {
    const { topic, partition } = parsePartitionFolder(name) as PartitionFolder;
    topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  }
  return topics;
}

/** The topic's id as the partition's own file has it; undefined when it is missing or damaged. */
export function topicIdIn(files: Files, folder: string): string | undefined {
  const path = join(folder, PARTITION_METADATA);
  const bytes = files.read(path);
  try {
    const id = bytes && parsePartitionMetadata(bytes, path);
    return id === ZERO_UUID ? undefined : id;
  } catch {
    return undefined;
  }
}

/** Hidden files (a lock, what a desktop leaves), a file system's own, and a catalogue that was never put in place. */
function isHarmless(name: string): boolean {
  return name.startsWith(".") || name === "lost+found" || (isTemporary(name) && name.startsWith(CATALOGUE));
}

function isLivePartition(files: Files, path: string, name: string): boolean {
  return parsePartitionFolder(name)?.state === "live" && files.stat(join(path, name))?.kind === "folder";
}

/** Its name alone says little: gtk-3 is no partition. */
function isFilledPartition(files: Files, path: string, name: string): boolean {
  if (!isLivePartition(files, path, name)) return false;
  const content = files.list(join(path, name)) ?? [];
  return content.some((file) => file === PARTITION_METADATA || parseSegmentFile(file)?.kind === "log");
}

function isOurs(files: Files, path: string): boolean {
  const bytes = files.read(join(path, META_PROPERTIES));
  try {
    return bytes !== undefined && !!parseMetaProperties(bytes).directoryId?.startsWith(DIRECTORY_ID_PREFIX);
  } catch {
    return false;
  }
}

/**
 * Kafka's meta.properties: who the cluster and the directory are. The catalogue has both ids under its checksum, so a lost
 * or damaged file is made again from there.
 */

import { hasCode } from "../errors.ts";
import { formatMetaProperties, parseMetaProperties } from "../format/checkpoints.ts";
import { UUID_BYTES, uuidToString } from "../format/uuid.ts";
import type { Chance } from "../storage/clock.ts";
import type { Files } from "../storage/files.ts";
import { join, META_PROPERTIES } from "../storage/paths.ts";
import { replaceFile } from "../storage/replace-file.ts";
import { DIRECTORY_ID_PREFIX } from "./directory.ts";

export interface DirectoryIds {
  clusterId: string;
  directoryId: string;
}

/** There is one node, and Kafka counts them from 1. */
const NODE_ID = 1;

export function newDirectoryIds(chance: Chance): DirectoryIds {
  const directoryId = DIRECTORY_ID_PREFIX + newUuid(chance).slice(DIRECTORY_ID_PREFIX.length);
  return { clusterId: newUuid(chance), directoryId };
}

/** Does not begin with "-", as in Kafka: an id may be the argument of a command. */
export function newUuid(chance: Chance): string {
  for (;;) {
    const uuid = uuidToString(chance(UUID_BYTES));
    if (!uuid.startsWith("-")) return uuid;
  }
}

/** Sees to it that the file says what the catalogue does. Returns why it had to be written, if it did. */
export async function ensureMetaProperties(
  files: Files,
  folder: string,
  ids: DirectoryIds,
): Promise<string | undefined> {
  const path = join(folder, META_PROPERTIES);
  const problem = problemOf(files, path, ids);
  if (problem === undefined) return undefined;
  await replaceFile(files, path, formatMetaProperties({ ...ids, nodeId: NODE_ID }));
  return problem;
}

function problemOf(files: Files, path: string, ids: DirectoryIds): string | undefined {
  const bytes = files.read(path);
  if (bytes === undefined) return `${META_PROPERTIES} was missing`;
  try {
    const { clusterId, directoryId } = parseMetaProperties(bytes, path);
    const isRight = clusterId === ids.clusterId && directoryId === ids.directoryId;
    return isRight ? undefined : `${META_PROPERTIES} named another cluster or directory`;
  } catch (error) {
    if (hasCode(error, "VARVE_CORRUPT", "VARVE_UNSAFE_INTEGER")) return error.message;
    throw error;
  }
}

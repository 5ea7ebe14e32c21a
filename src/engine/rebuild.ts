/**
 * Rebuilds a lost catalogue from the partition folders: what `varve repair` does.
 *
 * What can still be read of the catalogue or its predecessor is used. The rest is seen from the folders: names, numbers of
 * partitions, the topic ids in partition.metadata, producer ids in the snapshots. What cannot be seen (configuration, log
 * starts) is what a new topic has, and nothing of it deletes: retention is off until somebody sets it again. Folders are
 * never changed, and a damaged topics.json (or its predecessor) is kept aside.
 */
import { VarveError } from "../errors.ts";
import { parseMetaProperties } from "../format/checkpoints.ts";
import { readProducerSnapshot } from "../format/snapshots.ts";
import { type Chance, type Clock, systemChance, systemClock } from "../storage/clock.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import type { Files } from "../storage/files.ts";
import {
  absolutePath,
  CATALOGUE,
  corruptPiece,
  join,
  META_PROPERTIES,
  PREVIOUS_CATALOGUE,
  parseSegmentFile,
  partitionFolder,
  topicNameProblem,
} from "../storage/paths.ts";
import {
  Catalogue,
  type CatalogueContent,
  type CatalogueTopic,
  type FoundCatalogue,
  isGood,
  PRODUCER_ID_BLOCK,
  readCatalogue,
  withoutRetention,
} from "./catalogue.ts";
import { loadCheckpoints, type Offsets } from "./checkpoints.ts";
import { discoverTopics, kindOf, livePartitionFolders, topicIdIn } from "./directory.ts";
import { type Identity, systemIdentity } from "./identity.ts";
import { Lock } from "./lock.ts";
import { type DirectoryIds, ensureMetaProperties, newDirectoryIds, newUuid } from "./meta-properties.ts";
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from "./topic.ts";

export interface RebuildOptions {
  /** Also takes a data directory of Kafka, which is varve's from then on. */
  adopt?: boolean;
  takeover?: boolean;
  files?: Files;
  clock?: Clock;
  chance?: Chance;
  identity?: Identity;
}

export interface RebuiltTopic {
  name: string;
  partitions: number;
  /** "catalogue" and "predecessor": as it was written there; "folders": seen from the folders. */
  from: "catalogue" | "predecessor" | "folders";
}

export interface Rebuilt {
  topics: RebuiltTopic[];
  /** What somebody should know: topics that are gone, options to set again. */
  notes: string[];
  /** Where the damaged catalogue was put. */
  keptAside: string | undefined;
}

type Surroundings = Required<Omit<RebuildOptions, "adopt">> & { path: string; notes: string[] };

export async function rebuildCatalogue(dir: string, options: RebuildOptions = {}): Promise<Rebuilt> {
  const path = absolutePath(dir);
  const around: Surroundings = {
    path,
    notes: [],
    files: options.files ?? new DiskFiles({ root: path }),
    clock: options.clock ?? systemClock,
    chance: options.chance ?? systemChance,
    identity: options.identity ?? systemIdentity,
    takeover: options.takeover ?? false,
  };
  checkKind(around, options.adopt ?? false);
  const lock = await Lock.acquire({ ...around, folder: path });
  try {
    return await rebuild(around);
  } finally {
    // How the directory was left is for the next open to see.
    if (lock.predecessor && lock.predecessor.bootId !== "") await lock.abandon(lock.predecessor);
    else lock.release();
  }
}

async function rebuild(around: Surroundings): Promise<Rebuilt> {
  const { files, path, clock, notes } = around;
  const current = readCatalogue(files, join(path, CATALOGUE));
  const previous = readCatalogue(files, join(path, PREVIOUS_CATALOGUE));
  const base = isGood(current) ? current : isGood(previous) ? previous : undefined;
  const from: RebuiltTopic["from"] = base === undefined ? "folders" : base === current ? "catalogue" : "predecessor";
  if (from === "predecessor") notes.push("retention is off for every topic; set it again where it was on");
  const known = from === "predecessor" ? withoutRetention((base as FoundCatalogue).content) : base?.content;
  const content = contentOf(around, known, from === "catalogue");

  let keptAside: string | undefined;
  if (!isGood(current) && files.stat(join(path, CATALOGUE)) !== undefined) {
    keptAside = corruptPiece(join(path, CATALOGUE), clock.now());
    files.rename(join(path, CATALOGUE), keptAside);
  }
  if (!isGood(previous) && files.stat(join(path, PREVIOUS_CATALOGUE)) !== undefined)
    files.rename(join(path, PREVIOUS_CATALOGUE), corruptPiece(join(path, PREVIOUS_CATALOGUE), clock.now()));
  await new Catalogue(files, path, base).write(() => content);
  await ensureMetaProperties(files, path, content);
  const listed = new Set(known?.topics.map(({ name }) => name));
  const topics = content.topics.map(({ name, partitions }): RebuiltTopic => {
    return { name, partitions, from: listed.has(name) ? from : "folders" };
  });
  return { topics, notes, keptAside };
}

function contentOf(around: Surroundings, known: CatalogueContent | undefined, isCurrent: boolean): CatalogueContent {
  const { files, path, notes } = around;
  const folders = livePartitionFolders(files, path);
  const { cleaned } = loadCheckpoints(files, path, (message) => notes.push(message));
  const found = discoverTopics(folders);
  const topics: CatalogueTopic[] = [];
  for (const entry of known?.topics ?? []) {
    const indexes = found.get(entry.name);
    found.delete(entry.name);
    if (indexes === undefined && !isCurrent) notes.push(`the topic ${entry.name} has no folder any more: it is gone`);
    else topics.push({ ...entry, partitions: Math.max(entry.partitions, countOf(indexes ?? [])) });
  }
  for (const [name, indexes] of found) {
    const problem = topicNameProblem(name);
    if (problem !== undefined) {
      notes.push(`the folders of ${name} are left alone: it is no legal name of a topic, ${problem}`);
      continue;
    }
    notes.push(`the topic ${name} has its default options; set again what it had`);
    topics.push(seenTopic(around, name, indexes, cleaned));
  }
  const ids = known ?? knownIds(around) ?? newDirectoryIds(around.chance);
  const nextProducerId = Math.max(known?.nextProducerId ?? 0, nextUnusedProducerId(files, path, folders));
  return { clusterId: ids.clusterId, directoryId: ids.directoryId, nextProducerId, topics };
}

function seenTopic(
  { files, path, chance }: Surroundings,
  name: string,
  indexes: number[],
  cleaned: Offsets | undefined,
) {
  const folders = indexes.map((index) => partitionFolder(name, index));
  const ids = folders.flatMap((folder) => topicIdIn(files, join(path, folder)) ?? []);
  const isInternal = name === OFFSETS_TOPIC || name === TRANSACTIONS_TOPIC;
  // A log that was compacted has gaps between its offsets, which would count as damage elsewhere.
  const isCleaned = isInternal || folders.some((folder) => cleaned?.has(folder));
  const config = isCleaned ? { cleanupPolicy: "compact" as const } : {};
  return { name, id: ids[0] ?? newUuid(chance), partitions: countOf(indexes), config, logStarts: [] };
}

/** Partitions are counted from 0; what is missing in between is made anew. */
function countOf(indexes: readonly number[]): number {
  return Math.max(0, ...indexes.map((index) => index + 1));
}

/** So many ids, at the least, are left out: those of batches behind the last snapshot are not known here. */
const SKIPPED_PRODUCER_IDS = 1000 * PRODUCER_ID_BLOCK;

/** Past every producer id that a snapshot knows, and far enough to be past those that none does. */
function nextUnusedProducerId(files: Files, path: string, folders: readonly string[]): number {
  let largest = -1;
  for (const folder of folders) {
    for (const name of files.list(join(path, folder)) ?? []) {
      const file = parseSegmentFile(name);
      if (file?.kind !== "snapshot" || file.state !== "live") continue;
      for (const id of producerIdsIn(files.read(join(path, folder, name)))) largest = Math.max(largest, id);
    }
  }
  return largest + 1 + SKIPPED_PRODUCER_IDS;
}

/** None where the snapshot is damaged: the log rebuilds it, and nothing else depends on it here. */
function producerIdsIn(bytes: Uint8Array | undefined): number[] {
  try {
    return bytes === undefined ? [] : readProducerSnapshot(bytes).map(({ producerId }) => producerId);
  } catch {
    return [];
  }
}

function knownIds({ files, path }: Surroundings): DirectoryIds | undefined {
  const bytes = files.read(join(path, META_PROPERTIES));
  try {
    const { clusterId, directoryId } = bytes ? parseMetaProperties(bytes) : {};
    return clusterId && directoryId ? { clusterId, directoryId } : undefined;
  } catch {
    return undefined;
  }
}

function checkKind({ files, path }: Surroundings, adopt: boolean): void {
  const kind = kindOf(files, path);
  if (kind === "varve" || kind === "lost" || (kind === "kafka" && adopt)) return;
  if (kind === "missing" || kind === "new") {
    throw new VarveError("VARVE_NOT_FOUND", `there is no data directory at ${path}`, { file: path });
  }
  const what = kind === "kafka" ? "is a data directory of Kafka; adopt makes it varve's own" : "is no data directory";
  throw new VarveError("VARVE_FOREIGN", `${path} ${what}`, { file: path });
}

/**
 * Opens a data directory. Writable, in this order, so that a crash at any point leaves what the next open understands:
 *
 *   lock → catalogue read (or, in a new directory, written) → clean marker read and removed, the folder synced
 *   → partitions recovered and synced, unless the marker was there → transactions that were decided completed
 *   → offsets past an end brought down → checkpoints
 *
 * Nothing but the lock is written before the marker is gone. Until recovery is through, the lock says so (`isRecovered`): a process
 * that dies in it, on a machine that has crashed before, leaves a directory that is still to be recovered from that.
 */
import { VarveError } from "../errors.ts";
import { parseCleanShutdown } from "../format/checkpoints.ts";
import type { Files } from "../storage/files.ts";
import type { LastClose } from "../storage/log-state.ts";
import { CLEAN_SHUTDOWN, isTemporary, join, nameOf, parentOf } from "../storage/paths.ts";
import { Catalogue, type FoundCatalogue, loadCatalogue, PRODUCER_ID_BLOCK } from "./catalogue.ts";
import { loadCheckpoints } from "./checkpoints.ts";
import type { DataDirectory } from "./data-directory.ts";
import { type DirectoryKind, kindOf, livePartitionFolders } from "./directory.ts";
import type { Identity } from "./identity.ts";
import { Lock, type Owner, readLock } from "./lock.ts";
import { ensureMetaProperties, newDirectoryIds } from "./meta-properties.ts";

export async function openDirectory(dir: DataDirectory): Promise<void> {
  const started = dir.clock.monotonic();
  if (dir.readOnly) await openReadOnly(dir);
  else await openWritable(dir);
  if (dir.openReport.lastClose !== "clean") dir.openReport.recoveryMs = dir.clock.monotonic() - started;
  dir.isOpen = true;
}

async function openWritable(dir: DataDirectory): Promise<void> {
  const { files, path, options } = dir;
  const { identity, chance, takeover, create } = options;
  checkOurs(kindOf(files, path), path, create);
  await makeFolders(files, path);
  const lock = await Lock.acquire({ files, folder: path, identity, chance, takeover });
  dir.lock = lock;
  const progress: Progress = { isMarkerGone: false };
  try {
    await openLocked(dir, lock, progress);
  } catch (error) {
    for (const partition of dir.topicSet.partitions()) partition.closeNow();
    await giveBack(dir, lock, progress);
    throw error;
  }
}

interface Progress {
  isMarkerGone: boolean;
}

async function openLocked(dir: DataDirectory, lock: Lock, progress: Progress): Promise<void> {
  const { files, path, openReport } = dir;
  // Looked at again: another owner may have come and gone before the lock was ours.
  const kind = kindOf(files, path);
  checkOurs(kind, path, true);
  const found = kind === "new" ? undefined : loadCatalogue(files, path, new Set(livePartitionFolders(files, path)));
  const lastClose = kind === "new" ? "clean" : lastCloseOf(files, path, lock.predecessor, dir.options.identity);
  openReport.lastClose = lastClose;
  // In this order: whoever dies between the two leaves the marker, and else what a page cache keeps.
  if (lastClose !== "machine") await lock.markRecovered();
  if (kind !== "new") await removeMarker(files, path);
  progress.isMarkerGone = true;

  removeTemporaries(files, path);
  await loadTopics(dir, found, lastClose);
  await recover(dir, lastClose);
  await lock.markRecovered();
  await dir.topicSet.finishDeletions();
  for (const name of dir.topicSet.strayFolders()) {
    dir.warn(`${join(path, name)} is not in the catalogue and is left alone; \`varve repair\` adopts it`);
  }
  if (dir.options.maxBytes !== undefined) for (const partition of dir.topicSet.partitions()) partition.measure();
  if (lastClose !== "clean") await dir.checkpoint();
  dir.measure();
}

/** The lock goes back as it was found, so that a failed attempt takes nothing from what the next one knows. */
async function giveBack(dir: DataDirectory, lock: Lock, progress: Progress): Promise<void> {
  try {
    if (lock.predecessor && lock.predecessor.bootId !== "") await lock.abandon(lock.predecessor);
    else if (progress.isMarkerGone && dir.openReport.lastClose === "clean") await lock.abandon();
    else lock.release();
  } catch (error) {
    dir.warn(`the lock could not be given back: ${(error as Error).message}`);
  }
}

async function loadTopics(dir: DataDirectory, found: FoundCatalogue | undefined, lastClose: LastClose): Promise<void> {
  const { files, path, chance, topicSet } = dir;
  const content = found?.content ?? { ...newDirectoryIds(chance), nextProducerId: PRODUCER_ID_BLOCK, topics: [] };
  const checkpoints = loadCheckpoints(files, path, (message) => dir.warn(message));
  topicSet.load(content, new Catalogue(files, path, found), lastClose, checkpoints);
  if (found?.fallback) dir.warn(`${found.fallback}: going on with its predecessor, with retention off`);
  if (!found || found.fallback) await topicSet.writeCatalogue();
  if (!found) dir.producerIds.begin(0);
  const rewritten = await ensureMetaProperties(files, path, content);
  if (found && rewritten) dir.warn(`${rewritten}; it was written again`);
}

/** Opens what must be looked at. A partition that cannot be recovered keeps its error; the others go on. */
async function recover(dir: DataDirectory, lastClose: LastClose): Promise<void> {
  const { logger } = dir.options;
  const partitions = [...dir.topicSet.partitions()].filter((partition) => !partition.isKnown);
  if (lastClose !== "clean") {
    logger.info?.(`the log was not closed (${lastClose}): ${partitions.length} partitions are looked through`);
  }
  for (const [index, partition] of partitions.entries()) {
    try {
      await partition.ready();
      await partition.flush();
    } catch (error) {
      logger.error?.(`${partition.topic.name}-${partition.index} could not be opened: ${(error as Error).message}`);
    }
    logger.debug?.(`${index + 1} of ${partitions.length} partitions looked through`);
  }
  // First, since it may make offsets count that were committed in a transaction.
  if (!dir.readOnly) await dir.transactions.recover(lastClose === "machine");
  if (lastClose !== "clean") await clampOffsets(dir);
}

async function clampOffsets(dir: DataDirectory): Promise<void> {
  const clamped = await dir.offsets.clamp(!dir.readOnly);
  for (const event of clamped) {
    const { group, topic, partition, from, to } = event;
    dir.warn(
      `the group ${group} had committed ${from} of ${topic}-${partition}, which ends at ${to}: it goes on there`,
    );
    dir.openReport.clamped.push(event);
  }
}

// ---- read-only

async function openReadOnly(dir: DataDirectory): Promise<void> {
  const { files, path } = dir;
  const kind = kindOf(files, path);
  if (kind === "missing" || kind === "new") throw notFound(path);
  if (kind === "foreign") {
    const message = `${path} holds neither topics of varve or Kafka, nor the segments of a partition`;
    throw new VarveError("VARVE_FOREIGN", message, { file: path });
  }
  const found = kind === "varve" ? tryCatalogue(dir) : undefined;
  const home = kind === "partition" ? parentOf(path) : path;
  const checkpoints = loadCheckpoints(files, home, (message) => dir.warn(message));
  const owner = readLock(files, path);
  dir.openReport.lastClose = found
    ? lastCloseOf(files, path, owner, dir.options.identity)
    : lastCloseOfForeign(files, home);
  const { lastClose } = dir.openReport;
  if (found) dir.topicSet.load(found.content, new Catalogue(files, path, found), lastClose, checkpoints);
  else if (kind === "partition") await dir.topicSet.discover([nameOf(path)], lastClose, checkpoints, path);
  else await dir.topicSet.discover(livePartitionFolders(files, path), lastClose, checkpoints);
  await recover(dir, lastClose);
}

/** What a reader needs of a lost catalogue can be seen from the folders. */
function tryCatalogue(dir: DataDirectory): FoundCatalogue | undefined {
  const { files, path } = dir;
  try {
    return loadCatalogue(files, path, new Set(livePartitionFolders(files, path)));
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== "VARVE_CATALOGUE") throw error;
    dir.warn(`${error.message}; the topics are taken from the names of the folders`);
    return undefined;
  }
}

/** Of a copy nobody knows which machine it ran on. Reading loses nothing by taking every good batch for what it is. */
function lastCloseOfForeign(files: Files, path: string): LastClose {
  return hasMarker(files, path) ? "clean" : "process";
}

// ---- helpers

/** With the clean marker; without it, but in this boot, so that the page cache survived; without either. */
function lastCloseOf(files: Files, path: string, owner: Owner | undefined, identity: Identity): LastClose {
  if (hasMarker(files, path)) return "clean";
  return owner?.isRecovered && owner.bootId === identity.bootId ? "process" : "machine";
}

/** A marker that cannot be read is none: then everything is looked at. */
function hasMarker(files: Files, path: string): boolean {
  const bytes = files.read(join(path, CLEAN_SHUTDOWN));
  try {
    return bytes !== undefined && parseCleanShutdown(bytes).version === 0;
  } catch {
    return false;
  }
}

/** Files that were to replace others when their writer died. */
function removeTemporaries(files: Files, path: string): void {
  for (const name of files.list(path) ?? []) if (isTemporary(name)) files.remove(join(path, name));
}

async function removeMarker(files: Files, path: string): Promise<void> {
  files.remove(join(path, CLEAN_SHUTDOWN));
  await files.syncFolder(path);
}

function checkOurs(kind: DirectoryKind, path: string, create: boolean): void {
  if (kind === "varve" || ((kind === "new" || kind === "missing") && create)) return;
  if (kind === "new" || kind === "missing") throw notFound(path);
  if (kind === "lost") {
    const message = `the catalogue of ${path} is lost; \`varve repair ${path}\` rebuilds it from the partition folders`;
    throw new VarveError("VARVE_CATALOGUE", message, { file: path });
  }
  const what = { kafka: "a data directory of Kafka", partition: "the folder of one partition", foreign: "not empty" }[
    kind
  ];
  const advice = kind === "foreign" ? "an empty folder was expected" : "it can be opened with readOnly: true";
  throw new VarveError("VARVE_FOREIGN", `${path} has no catalogue of varve: it is ${what}; ${advice}`, { file: path });
}

function notFound(path: string): VarveError {
  return new VarveError("VARVE_NOT_FOUND", `there is no data directory at ${path}`, { file: path });
}

/** With their names synced, each in the folder above it: else a power cut could take the directory as a whole. */
async function makeFolders(files: Files, path: string): Promise<void> {
  const parents: string[] = [];
  for (let missing = path; files.stat(missing) === undefined; missing = parentOf(missing))
    parents.push(parentOf(missing));
  if (parents.length === 0) return;
  files.makeFolder(path);
  for (const parent of parents) await files.syncFolder(parent);
}

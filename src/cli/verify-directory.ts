/**
 * Verifies a data directory of varve or of Kafka, or a single partition folder: its small files, whether they agree with
 * each other and with the logs, and every partition.
 *
 * Nothing is written, and no lock is taken. Checkpoints and the catalogue are read before the logs, which only grow: so what
 * they say must hold also while an owner is at work.
 */

import { type CatalogueTopic, isGood, readCatalogue, type StoredCatalogue } from "../engine/catalogue.ts";
import { looksCleaned } from "../engine/cleaned.ts";
import { TOPIC_OPTIONS } from "../engine/config.ts";
import { kindOf, livePartitionFolders } from "../engine/directory.ts";
import type { Identity } from "../engine/identity.ts";
import { liveness, readLock } from "../engine/lock.ts";
import { VarveError } from "../errors.ts";
import type { PartitionOffset } from "../format/checkpoints.ts";
import { parseOffsetCheckpoint } from "../format/checkpoints.ts";
import { systemClock } from "../storage/clock.ts";
import {
  CATALOGUE,
  CLEAN_SHUTDOWN,
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  join,
  LOG_START_CHECKPOINT,
  META_PROPERTIES,
  nameOf,
  type PartitionFolder,
  PREVIOUS_CATALOGUE,
  parentOf,
  parsePartitionFolder,
  partitionFolder,
  RECOVERY_POINT_CHECKPOINT,
} from "../storage/paths.ts";
import { SMALL_FILES } from "./small-files.ts";
import type { Verification } from "./verification.ts";
import { type PartitionTarget, verifyPartition } from "./verify-partition.ts";

const COMPACTED_TOPICS = ["__consumer_offsets", "__transaction_state"];

/** `folder` is an absolute path. Throws VARVE_NOT_FOUND and VARVE_FOREIGN where there is nothing to verify. */
export async function verifyDirectory(verification: Verification, folder: string, identity: Identity): Promise<void> {
  const kind = kindOf(verification.files, folder);
  if (kind === "partition") return verifyLonePartition(verification, folder);
  if (kind === "missing") throw new VarveError("VARVE_NOT_FOUND", `there is no folder ${folder}`, { file: folder });
  if (kind === "foreign" || kind === "new") {
    const message = `${folder} is neither a data directory nor the folder of a partition`;
    throw new VarveError("VARVE_FOREIGN", message, { file: folder });
  }
  await new DirectoryCheck(verification, folder, kind !== "kafka", identity).run();
}

/** Whether it was compacted is known where it lies in a data directory, and else seen from its batches. */
async function verifyLonePartition(verification: Verification, folder: string): Promise<void> {
  const { files } = verification;
  const { topic, partition } = parsePartitionFolder(nameOf(folder)) as PartitionFolder;
  const path = join(parentOf(folder), CLEANER_CHECKPOINT);
  const bytes = files.read(path);
  const cleaned = bytes && verification.try(path, () => parseOffsetCheckpoint(bytes, path));
  const isCleaned =
    cleaned?.some((one) => one.topic === topic && one.partition === partition) ??
    (await looksCleaned(files, systemClock, folder));
  const hasGaps = isCleaned || COMPACTED_TOPICS.includes(topic);
  await verifyPartition(verification, { folder, hasGaps, isLive: true, isClean: false, isOurs: false });
}

class DirectoryCheck {
  readonly #verification: Verification;
  readonly #folder: string;
  readonly #isOurs: boolean;
  readonly #isLive: boolean;
  readonly #isClean: boolean;
  /** The partitions that were compacted; undefined when nothing says which. */
  #cleaned: Set<string> | undefined;

  constructor(verification: Verification, folder: string, isOurs: boolean, identity: Identity) {
    const { files } = verification;
    const owner = isOurs ? readLock(files, folder) : undefined;
    this.#verification = verification;
    this.#folder = folder;
    this.#isOurs = isOurs;
    this.#isClean = files.stat(join(folder, CLEAN_SHUTDOWN)) !== undefined;
    // A broker's lock is one of the operating system: it does not show.
    this.#isLive = isOurs ? owner !== undefined && liveness(owner, identity) !== "gone" : !this.#isClean;
  }

  async run(): Promise<void> {
    const recoveryPoints = this.#readCheckpoint(RECOVERY_POINT_CHECKPOINT);
    const logStarts = this.#readCheckpoint(LOG_START_CHECKPOINT);
    const highWatermarks = this.#readCheckpoint(HIGH_WATERMARK_CHECKPOINT);
    const cleaned = this.#readSmall(CLEANER_CHECKPOINT) as PartitionOffset[] | undefined;
    this.#cleaned = cleaned && new Set(cleaned.map(({ topic, partition }) => partitionFolder(topic, partition)));
    for (const name of [META_PROPERTIES, CLEAN_SHUTDOWN]) this.#readSmall(name);
    const topics = this.#readTopics();
    const ends = new Map<string, number>();
    for (const name of this.#partitionFolders(topics)) {
      await this.#verification.pause();
      const { topic } = parsePartitionFolder(name) as PartitionFolder;
      const end = await verifyPartition(this.#verification, this.#targetOf(name, topics?.get(topic)));
      if (end !== undefined) ends.set(name, end);
    }
    this.#checkOffsets(RECOVERY_POINT_CHECKPOINT, recoveryPoints, ends, this.#isClean);
    this.#checkOffsets(LOG_START_CHECKPOINT, logStarts, ends, false);
    this.#checkOffsets(HIGH_WATERMARK_CHECKPOINT, highWatermarks, ends, false);
  }

  #targetOf(name: string, topic: CatalogueTopic | undefined): PartitionTarget {
    const config = topic?.config;
    const isCompacted = (config?.cleanupPolicy ?? "delete") !== "delete" || COMPACTED_TOPICS.includes(topicOf(name));
    return {
      folder: join(this.#folder, name),
      hasGaps: isCompacted || (this.#cleaned?.has(name) ?? !this.#isOurs),
      isLive: this.#isLive,
      isClean: this.#isClean,
      isOurs: this.#isOurs,
      indexIntervalBytes: topic && (config?.indexIntervalBytes ?? TOPIC_OPTIONS.indexIntervalBytes.default),
      topicId: topic?.id,
    };
  }

  /** Those that are there; the ones that the catalogue misses or does not know are reported. */
  #partitionFolders(topics: ReadonlyMap<string, CatalogueTopic> | undefined): string[] {
    const folders = livePartitionFolders(this.#verification.files, this.#folder);
    if (topics === undefined) return folders;
    const path = join(this.#folder, CATALOGUE);
    const found = new Set(folders);
    for (const { name, partitions, deleting } of topics.values()) {
      for (let partition = 0; partition < partitions && !deleting; partition++) {
        const folder = partitionFolder(name, partition);
        if (!found.delete(folder) && this.#isLasting(name))
          this.#verification.report(join(this.#folder, folder), 0, "the folder is missing, but the catalogue has it");
      }
    }
    for (const folder of found) {
      const topic = topics.get(topicOf(folder));
      if (topic?.deleting || !this.#isLasting(topicOf(folder), topic === undefined)) continue;
      this.#verification.report(path, 0, `it does not know the partition folder ${folder}`);
    }
    return folders;
  }

  /** Whether the catalogue still has (or lacks) the topic: an owner may have made or deleted it meanwhile. */
  #isLasting(topic: string, isAbsent = false): boolean {
    if (!this.#isLive) return true;
    const now = readCatalogue(this.#verification.files, join(this.#folder, CATALOGUE));
    const present = isGood(now) ? now.content.topics.find(({ name }) => name === topic) : undefined;
    return isAbsent ? present === undefined : present !== undefined && !present.deleting;
  }

  /** By name. Undefined when there is no catalogue to go by. */
  #readTopics(): Map<string, CatalogueTopic> | undefined {
    if (!this.#isOurs) return undefined;
    const previous = this.#readCatalogue(PREVIOUS_CATALOGUE, false);
    const current = this.#readCatalogue(CATALOGUE, true);
    if (previous && current && previous.generation > current.generation)
      this.#verification.report(join(this.#folder, CATALOGUE), 0, `it is older than ${PREVIOUS_CATALOGUE}`);
    const topics = (current ?? previous)?.topics;
    return topics && new Map(topics.map((topic) => [topic.name, topic]));
  }

  #readCatalogue(name: string, mustExist: boolean): StoredCatalogue | undefined {
    const { files } = this.#verification;
    const path = join(this.#folder, name);
    if (!mustExist && files.stat(path) === undefined) return undefined;
    this.#verification.tally.files++;
    const found = this.#verification.try(path, () => readCatalogue(files, path));
    if (typeof found !== "string") return found?.content;
    const message = `${found}; \`varve repair\` rebuilds the catalogue`;
    this.#verification.reportError(path, new VarveError("VARVE_CATALOGUE", message));
    return undefined;
  }

  #readCheckpoint(name: string): PartitionOffset[] {
    return (this.#readSmall(name) ?? []) as PartitionOffset[];
  }

  /** Undefined when it is missing or damaged. */
  #readSmall(name: string): object[] | undefined {
    const path = join(this.#folder, name);
    const bytes = this.#verification.read(path);
    return (
      (bytes && this.#verification.try(path, () => SMALL_FILES[name](bytes, this.#verification.shown(path)))) ?? []
    );
  }

  /** A checkpoint may speak of partitions that are gone, but not of offsets that a log does not reach. */
  #checkOffsets(
    name: string,
    entries: readonly PartitionOffset[],
    ends: ReadonlyMap<string, number>,
    isExact: boolean,
  ): void {
    for (const { topic, partition, offset } of entries) {
      const end = ends.get(partitionFolder(topic, partition));
      if (end === undefined || offset === end || (offset < end && !isExact)) continue;
      const message = `it has offset ${offset} for ${partitionFolder(topic, partition)}, whose log ends at ${end}`;
      this.#verification.report(join(this.#folder, name), 0, message);
    }
  }
}

function topicOf(folder: string): string {
  return (parsePartitionFolder(folder) as PartitionFolder).topic;
}

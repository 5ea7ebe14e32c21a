/**
 * The catalogue, topics.json: which topics there are, with their id, partitions, configuration and log starts.
 *
 *   {
 *     "crc32c": "1f2e3d4c",        of every byte behind this line's end
 *     "version": 1,
 *     "generation": 7,             one more with each write
 *     "clusterId": "…", "directoryId": "…", "nextProducerId": 0,
 *     "topics": [{ "name", "id", "partitions", "config", "logStarts": [[partition, offset]], "deleting" }]
 *   }
 *
 * It is replaced atomically, and its predecessor kept beside it. What a damaged catalogue falls back to is decided here:
 * to the predecessor where the partition folders agree with it exactly, with retention off, since the options of a topic
 * may have changed since; otherwise to nothing, VARVE_CATALOGUE. Nothing is deleted on the word of an old file. A missing
 * catalogue falls back to nothing at all: no crash of ours makes it go.
 */
import { VarveError } from "../errors.ts";
import { crc32c } from "../format/crc32c.ts";
import { isUuid } from "../format/uuid.ts";
import type { Files } from "../storage/files.ts";
import { CATALOGUE, join, PREVIOUS_CATALOGUE, topicNameProblem } from "../storage/paths.ts";
import { replaceFile, replaceFileNow } from "../storage/replace-file.ts";
import { MAX_PARTITIONS, TOPIC_OPTIONS, type TopicConfig } from "./config.ts";

export interface CatalogueTopic {
  name: string;
  id: string;
  partitions: number;
  /** What was set for it. */
  config: Partial<TopicConfig>;
  /** [partition, offset] of those that start elsewhere than their segments say. */
  logStarts: [number, number][];
  /** Its folders are being removed. */
  deleting?: true;
}

export interface CatalogueContent {
  clusterId: string;
  directoryId: string;
  nextProducerId: number;
  topics: CatalogueTopic[];
}

export interface StoredCatalogue extends CatalogueContent {
  version: number;
  generation: number;
}

export const CATALOGUE_VERSION = 1;
/** Producer ids are reserved in blocks: so many may have been given out since the predecessor was written. */
export const PRODUCER_ID_BLOCK = 1000;

export class Catalogue {
  readonly #files: Files;
  readonly #folder: string;
  #generation: number;
  /** The bytes of the newest good one, to be kept when the next one is written. */
  #written: Uint8Array | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #writes = 0;

  constructor(files: Files, folder: string, found?: FoundCatalogue) {
    this.#files = files;
    this.#folder = folder;
    this.#generation = found?.content.generation ?? 0;
    this.#written = found?.bytes;
  }

  /** One after the other. `content` is asked when the write begins, so that it is never older than the one before. */
  write(content: () => CatalogueContent): Promise<void> {
    this.#writes++;
    const mine = this.#last
      .then(() => this.#replace(content()))
      .finally(() => {
        this.#writes--;
      });
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** Nobody writes it now, or waits to. */
  get isIdle(): boolean {
    return this.#writes === 0;
  }

  /** On the calling thread, while it is idle. */
  writeNow(content: CatalogueContent): void {
    const bytes = this.#next(content);
    if (this.#written) replaceFileNow(this.#files, join(this.#folder, PREVIOUS_CATALOGUE), this.#written);
    replaceFileNow(this.#files, join(this.#folder, CATALOGUE), bytes);
    this.#wrote(bytes);
  }

  async #replace(content: CatalogueContent): Promise<void> {
    const bytes = this.#next(content);
    if (this.#written) await replaceFile(this.#files, join(this.#folder, PREVIOUS_CATALOGUE), this.#written);
    await replaceFile(this.#files, join(this.#folder, CATALOGUE), bytes);
    this.#wrote(bytes);
  }

  #next({ clusterId, directoryId, nextProducerId, topics }: CatalogueContent): Uint8Array {
    const generation = this.#generation + 1;
    return formatCatalogue({ version: CATALOGUE_VERSION, generation, clusterId, directoryId, nextProducerId, topics });
  }

  #wrote(bytes: Uint8Array): void {
    this.#generation++;
    this.#written = bytes;
  }
}

export interface FoundCatalogue {
  content: StoredCatalogue;
  bytes: Uint8Array;
  /** Why it is the predecessor; undefined when it is not. */
  fallback?: string;
}

/** Whether the folder has a catalogue of ours, be it whole or not. */
export function hasCatalogue(files: Files, folder: string): boolean {
  return [CATALOGUE, PREVIOUS_CATALOGUE].some((name) => files.stat(join(folder, name)) !== undefined);
}

/**
 * The catalogue of a folder that has one. `liveFolders` are the partition folders in it: what a predecessor is held against.
 */
export function loadCatalogue(files: Files, folder: string, liveFolders: ReadonlySet<string>): FoundCatalogue {
  if (files.stat(join(folder, CATALOGUE)) === undefined) throw lost(folder, `${CATALOGUE} is missing`);
  const current = readCatalogue(files, join(folder, CATALOGUE));
  const previous = readCatalogue(files, join(folder, PREVIOUS_CATALOGUE));
  const hasNewer = isGood(previous) && isGood(current) && previous.content.generation > current.content.generation;
  if (isGood(current) && !hasNewer) return current;
  const reason = isGood(current) ? `${CATALOGUE} is older than ${PREVIOUS_CATALOGUE}` : current;
  if (!isGood(previous)) throw lost(folder, `${reason}, and ${previous}`);
  const different = difference(previous.content, liveFolders);
  if (different !== undefined) throw lost(folder, `${reason}, and ${PREVIOUS_CATALOGUE} does not fit: ${different}`);
  return { ...previous, content: withoutRetention(previous.content), fallback: reason };
}

/** A good one, or what is wrong with it. Throws where it is of a newer version. */
export function readCatalogue(files: Files, path: string): FoundCatalogue | string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const bytes = files.read(path);
  if (bytes === undefined) return `${name} is missing`;
  const content = parseCatalogue(bytes, path);
  return typeof content === "string" ? `${name} ${content}` : { content, bytes };
}

export function isGood(found: FoundCatalogue | string): found is FoundCatalogue {
  return typeof found !== "string";
}

/** Options that delete are off: what they were may not be what they are. */
export function withoutRetention<T extends CatalogueContent>(content: T): T {
  const topics = content.topics.map((topic) => {
    const { retentionMs: _, retentionBytes: __, ...config } = topic.config;
    return { ...topic, config };
  });
  return { ...content, topics, nextProducerId: content.nextProducerId + PRODUCER_ID_BLOCK };
}

/** The first thing in which the folders are not those of a catalogue's topics. */
function difference(content: CatalogueContent, liveFolders: ReadonlySet<string>): string | undefined {
  const listed = new Set<string>();
  for (const topic of content.topics) {
    if (topic.deleting) continue;
    for (let partition = 0; partition < topic.partitions; partition++) listed.add(`${topic.name}-${partition}`);
  }
  for (const folder of liveFolders) if (!listed.has(folder)) return `it does not know the folder ${folder}`;
  for (const folder of listed) if (!liveFolders.has(folder)) return `there is no folder ${folder}`;
  return undefined;
}

function lost(folder: string, why: string): VarveError {
  const message = `the catalogue of ${folder} is lost: ${why}; \`varve repair ${folder}\` rebuilds it from the partition folders`;
  return new VarveError("VARVE_CATALOGUE", message, { file: join(folder, CATALOGUE) });
}

// ---- the bytes

const OPENING = '{\n  "crc32c": "';
const CLOSING = '",\n';
const CRC_DIGITS = 8;
const COVERED_AT = OPENING.length + CRC_DIGITS + CLOSING.length;

export function formatCatalogue(content: StoredCatalogue): Uint8Array {
  // Behind the brace and the line end comes what the checksum covers.
  const covered = `${JSON.stringify(content, null, 2).slice(2)}\n`;
  const bytes = Buffer.from(covered);
  const crc = crc32c(bytes, 0, bytes.length).toString(16).padStart(CRC_DIGITS, "0");
  return new Uint8Array(Buffer.from(OPENING + crc + CLOSING + covered));
}

/** What is wrong with it as a string. */
function parseCatalogue(bytes: Uint8Array, path: string): StoredCatalogue | string {
  const content = parseJson(bytes);
  if (content === undefined) return "is not JSON";
  const { version } = content;
  if (Number.isSafeInteger(version) && (version as number) > CATALOGUE_VERSION) {
    const message = `${path} has version ${version}; this release reads versions up to ${CATALOGUE_VERSION}`;
    throw new VarveError("VARVE_UNSUPPORTED_VERSION", message, { file: path });
  }
  const crc = crc32c(bytes, COVERED_AT, Math.max(COVERED_AT, bytes.length));
  if (content.crc32c !== crc.toString(16).padStart(CRC_DIGITS, "0")) return "does not match its checksum";
  return shapeProblem(content) ?? (content as unknown as StoredCatalogue);
}

function parseJson(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return undefined;
  }
}

/** A good checksum over a wrong shape: somebody's hand, or a mistake of ours. */
function shapeProblem(content: Record<string, unknown>): string | undefined {
  const { version, generation, nextProducerId, clusterId, directoryId, topics } = content;
  if (![version, generation, nextProducerId].every(isCount)) return "has no version, generation or nextProducerId";
  if (![clusterId, directoryId].every((id) => typeof id === "string" && id !== "")) return "has no ids";
  if (!Array.isArray(topics)) return "has no topics";
  const names = new Set<unknown>();
  for (const topic of topics) {
    const problem = topicProblem(Object(topic)) ?? (names.has(topic.name) ? "is there twice" : undefined);
    if (problem) return `has a topic ${JSON.stringify(topic?.name)} that ${problem}`;
    names.add(topic.name);
  }
  return undefined;
}

function topicProblem(topic: Record<string, unknown>): string | undefined {
  const { name, id, partitions, config, logStarts } = topic;
  if (typeof name !== "string" || topicNameProblem(name) !== undefined) return "has no legal name";
  if (typeof id !== "string" || !isUuid(id)) return "has no id";
  if (!isCount(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) return "has no partitions";
  if (!Array.isArray(logStarts) || !logStarts.every((start) => Array.isArray(start) && start.every(isCount))) {
    return "has no log starts";
  }
  for (const [option, value] of Object.entries(Object(config))) {
    const kind = Object.hasOwn(TOPIC_OPTIONS, option) ? TOPIC_OPTIONS[option as keyof TopicConfig] : undefined;
    if (!kind?.accepts(value)) return `has a wrong option ${option}`;
  }
  return undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

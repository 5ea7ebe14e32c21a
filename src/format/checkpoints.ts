/**
 * Kafka's small text files, parsed and formatted.
 *
 *   *-offset-checkpoint        "0", the number of entries, then a line "topic partition offset" each
 *   leader-epoch-checkpoint    "0", the number of entries, then a line "epoch start-offset" each
 *   partition.metadata         "version: 0", "topic_id: <uuid>" (without a line end)
 *   meta.properties            Java properties: version, cluster.id, node.id, directory.id
 *   .kafka_cleanshutdown       {"version":0,"brokerEpoch":-1}; an empty file in older releases
 *
 * A malformed file is VARVE_CORRUPT and names the line; a version from the future is VARVE_UNSUPPORTED_VERSION. None of
 * them has a checksum: a digit that changed is not noticed here. `file` is what errors call it.
 */
import { VarveError } from "../errors.ts";
import { formatProperty, type Property, parseProperties } from "./properties.ts";
import { isUuid, ZERO_UUID } from "./uuid.ts";

export interface PartitionOffset {
  topic: string;
  partition: number;
  offset: number;
}

export function parseOffsetCheckpoint(bytes: Uint8Array, file: string): PartitionOffset[] {
  return parseEntries(bytes, file, /^([a-zA-Z0-9._-]{1,249}) (\d+) (\d+)$/, "topic partition offset").map(
    ({ fields, line }) => ({
      topic: fields[1],
      partition: integer(fields[2], file, line),
      offset: integer(fields[3], file, line),
    }),
  );
}

export function formatOffsetCheckpoint(entries: readonly PartitionOffset[]): Uint8Array {
  return formatEntries(entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`));
}

export interface LeaderEpoch {
  epoch: number;
  startOffset: number;
}

export function parseLeaderEpochs(bytes: Uint8Array, file = "leader-epoch-checkpoint"): LeaderEpoch[] {
  return parseEntries(bytes, file, /^(\d+) (\d+)$/, "epoch start-offset").map(({ fields, line }) => ({
    epoch: integer(fields[1], file, line),
    startOffset: integer(fields[2], file, line),
  }));
}

export function formatLeaderEpochs(entries: readonly LeaderEpoch[]): Uint8Array {
  return formatEntries(entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`));
}

/** The topic id. */
export function parsePartitionMetadata(bytes: Uint8Array, file = "partition.metadata"): string {
  const lines = latin1(bytes).trimEnd().split(/\r?\n/);
  const version = /^version: (\d+)$/.exec(lines[0]);
  if (!version) throw malformed(file, 1, lines[0], "version: 0");
  checkVersion(integer(version[1], file, 1), 0, file);
  const id = /^topic_id: (.*)$/.exec(lines[1] ?? "")?.[1] ?? "";
  if (!isUuid(id) || id === ZERO_UUID) throw malformed(file, 2, lines[1], "topic_id: <uuid>");
  if (lines.length > 2) throw malformed(file, 3, lines[2], "the end of the file");
  return id;
}

export function formatPartitionMetadata(topicId: string): Uint8Array {
  return fromLatin1(`version: 0\ntopic_id: ${topicId}`);
}

export interface MetaProperties {
  /** Written by Kafka up to 3.6 with ZooKeeper as 0, with `broker.id` in place of `node.id`. */
  version: number;
  clusterId?: string;
  nodeId?: number;
  directoryId?: string;
}

export function parseMetaProperties(bytes: Uint8Array, file = "meta.properties"): MetaProperties {
  const properties = parseProperties(latin1(bytes), file);
  const version = numberOf(properties.get("version"), file, "version");
  if (version === undefined) {
    throw new VarveError("VARVE_CORRUPT", `${file}: no line "version=…"`, { file });
  }
  checkVersion(version, 1, file);
  const nodeKey = version === 0 ? "broker.id" : "node.id";
  return {
    version,
    clusterId: properties.get("cluster.id")?.value,
    nodeId: numberOf(properties.get(nodeKey), file, nodeKey),
    directoryId: properties.get("directory.id")?.value,
  };
}

/** Always version 1. */
export function formatMetaProperties(properties: Required<Omit<MetaProperties, "version">>): Uint8Array {
  return fromLatin1(
    formatProperty("version", "1") +
      formatProperty("cluster.id", properties.clusterId) +
      formatProperty("node.id", String(properties.nodeId)) +
      formatProperty("directory.id", properties.directoryId),
  );
}

export interface CleanShutdown {
  version: number;
  /** -1 when it was not known. */
  brokerEpoch: number;
}

export function parseCleanShutdown(bytes: Uint8Array, file = ".kafka_cleanshutdown"): CleanShutdown {
  const text = latin1(bytes).trim();
  if (text === "") return { version: 0, brokerEpoch: -1 };
  const { version, brokerEpoch } = parseObject(text, file);
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 0) {
    throw malformed(file, 1, text, '{"version":0,"brokerEpoch":-1}');
  }
  checkVersion(version, 0, file);
  if (typeof brokerEpoch !== "number" || !Number.isSafeInteger(brokerEpoch)) {
    throw malformed(file, 1, text, '{"version":0,"brokerEpoch":-1}');
  }
  return { version, brokerEpoch };
}

export function formatCleanShutdown(brokerEpoch = -1): Uint8Array {
  return fromLatin1(JSON.stringify({ version: 0, brokerEpoch }));
}

interface EntryLine {
  fields: RegExpExecArray;
  line: number;
}

/** A last line without its end is one that was cut: "topic 0 64" could have been 640. */
function parseEntries(bytes: Uint8Array, file: string, pattern: RegExp, expected: string): EntryLine[] {
  const lines = latin1(bytes).split(/\r?\n/);
  const end = lines.pop();
  if (end !== "") throw malformed(file, lines.length + 1, end, "a line end behind it");
  if (!/^\d+$/.test(lines[0] ?? "")) throw malformed(file, 1, lines[0], "the version, 0");
  checkVersion(integer(lines[0], file, 1), 0, file);
  if (!/^\d+$/.test(lines[1] ?? "")) throw malformed(file, 2, lines[1], "the number of entries");
  const count = integer(lines[1], file, 2);
  const entries = lines.slice(2).map((text, index) => {
    const fields = pattern.exec(text);
    if (!fields) throw malformed(file, index + 3, text, expected);
    return { fields, line: index + 3 };
  });
  if (entries.length !== count) {
    throw malformed(file, 2, lines[1], `${entries.length}, the number of lines that follow`);
  }
  return entries;
}

function formatEntries(lines: string[]): Uint8Array {
  return fromLatin1(`0\n${lines.length}\n${lines.map((line) => `${line}\n`).join("")}`);
}

function parseObject(text: string, file: string): { version?: unknown; brokerEpoch?: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch (cause) {
    throw new VarveError("VARVE_CORRUPT", `${file}, line 1: ${shorten(text)} is not JSON`, { file, cause });
  }
}

function numberOf(property: Property | undefined, file: string, key: string): number | undefined {
  if (property === undefined) return undefined;
  if (!/^\d+$/.test(property.value)) {
    throw malformed(file, property.line, property.value, `a number as the value of ${key}`);
  }
  return integer(property.value, file, property.line);
}

function integer(digits: string, file: string, line: number): number {
  const value = Number(digits);
  if (Number.isSafeInteger(value)) return value;
  throw new VarveError("VARVE_UNSAFE_INTEGER", `${file}, line ${line}: ${digits} is past 2^53−1`, { file });
}

function checkVersion(version: number, newest: number, file: string): void {
  if (version <= newest) return;
  const message = `${file} has version ${version}; this release reads versions up to ${newest}`;
  throw new VarveError("VARVE_UNSUPPORTED_VERSION", message, { file });
}

function malformed(file: string, line: number, found: string | undefined, expected: string): VarveError {
  const what = found === undefined ? "the file ends" : `found ${shorten(found)}`;
  return new VarveError("VARVE_CORRUPT", `${file}, line ${line}: ${what}, expected ${expected}`, { file });
}

function shorten(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

function fromLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

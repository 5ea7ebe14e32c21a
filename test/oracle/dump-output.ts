/**
 * Reads what Kafka's DumpLogSegments prints: batches, records and index entries as objects, and every complaint as a problem.
 *
 * The tool prints nothing escaped. Keys and values are found by their sizes; bytes that are not UTF-8 do not survive the tool
 * and leave `key` and `value` undefined, as does a line of a value that looks like one of the tool's own.
 */

export interface Dump {
  files: DumpedFile[];
  problems: Problem[];
}

export interface DumpedFile {
  path: string;
  /** Of a .log file. */
  batches: DumpedBatch[];
  /** The lines of any other file: .index, .timeindex, .txnindex, .snapshot. */
  entries: Fields[];
}

export type Fields = Record<string, number | boolean | string | undefined>;

export interface DumpedBatch {
  baseOffset: number;
  lastOffset: number;
  count: number;
  baseSequence: number;
  lastSequence: number;
  producerId: number;
  producerEpoch: number;
  partitionLeaderEpoch: number;
  isTransactional: boolean;
  isControl: boolean;
  deleteHorizonMs: number | undefined;
  position: number;
  timestampType: TimestampType;
  maxTimestamp: number;
  size: number;
  magic: number;
  compresscodec: string;
  crc: number;
  isvalid: boolean;
  records: DumpedRecord[];
}

export interface DumpedRecord {
  offset: number;
  timestampType: TimestampType;
  timestamp: number;
  keySize: number;
  valueSize: number;
  sequence: number;
  headerKeys: string[];
  /** "COMMIT" or "ABORT", of a control record. */
  endTxnMarker?: string;
  key?: string | null;
  value?: string | null;
}

type TimestampType = "CreateTime" | "LogAppendTime" | "NoTimestampType";

/** What Kafka finds wrong. `kind` is the complaint's first words; a gap is none in a compacted topic, all others always are. */
export interface Problem {
  kind: "batch" | "trailing" | "index" | "snapshot" | "gap" | "died" | "other";
  message: string;
  file?: string;
}

/** The first words of each complaint on stderr. Lines that follow and are indented, or open with a detail's word, belong to it. */
const complaints: [start: string, kind: Problem["kind"]][] = [
  ["Mismatches in :", "index"],
  ["Found timestamp mismatch in :", "index"],
  ["Found out of order timestamp in :", "index"],
  ["The following indexed offsets are not found in the log.", "index"],
  ["Non-consecutive offsets in ", "gap"],
  ["Snapshot ", "snapshot"],
  ["Exception in thread", "died"],
];
const detail = /^(\s|Indexed offset:|Caused by:)/;
/** What the Java machine itself says there, without a bearing on the files. */
const chatter = /^(Picked up |OpenJDK .*warning)/;

const ownLine =
  /^(Dumping |Log starting offset: |baseOffset: |\| offset: |offset: |timestamp: |version: |producerId: |Found \d+ invalid)/;

/** `stdout` is the tool's output with one character per byte (latin1). */
export function parseDump(stdout: string, stderr: string): Dump {
  const files: DumpedFile[] = [];
  const problems: Problem[] = [];
  let file: DumpedFile = { path: "", batches: [], entries: [] };
  for (const line of logicalLines(stdout)) {
    if (line.startsWith("Dumping ")) {
      file = { path: text(line.slice("Dumping ".length)), batches: [], entries: [] };
      files.push(file);
    } else if (line.startsWith("baseOffset: ")) {
      const batch = parseBatch(line);
      file.batches.push(batch);
      if (!batch.isvalid) problems.push({ kind: "batch", message: line, file: file.path });
    } else if (line.startsWith("offset: ") && file.path.endsWith(".log")) {
      problems.push({ kind: "batch", message: `not of magic 2: ${line}`, file: file.path });
    } else if (recordLine.test(line)) {
      file.batches.at(-1)?.records.push(parseRecord(line));
    } else if (/^Found \d+ invalid bytes/.test(line)) {
      problems.push({ kind: "trailing", message: line, file: file.path });
    } else if (/^(offset|timestamp|version|producerId): /.test(line)) {
      file.entries.push(parseFields(line));
    } else if (!/^Log starting offset: |^\S+ is empty\.$/.test(line)) {
      problems.push({ kind: "other", message: `not understood: ${text(line)}`, file: file.path });
    }
  }
  problems.push(...parseComplaints(stderr, file.path));
  return { files, problems };
}

/** What the tool printed at one go: a record's line, and the lines behind it that only its key or value can have caused. */
function logicalLines(stdout: string): string[] {
  const lines: string[] = [];
  for (const line of stdout.replace(/\n$/, "").split("\n")) {
    if (!ownLine.test(line) && lines.at(-1)?.startsWith("| ")) lines.push(`${lines.pop()}\n${line}`);
    else if (line !== "") lines.push(line);
  }
  return lines;
}

function parseComplaints(stderr: string, lastFile: string): Problem[] {
  const problems: Problem[] = [];
  for (const line of stderr.split("\n")) {
    if (line === "" || chatter.test(line)) continue;
    const last = problems.at(-1);
    if (detail.test(line) && last) {
      last.message += `\n${line}`;
      continue;
    }
    const [start, kind] = complaints.find(([words]) => line.startsWith(words)) ?? ["", "other"];
    const named = /[:\s](\/\S+\.(?:log|index|timeindex))$/.exec(line.slice(start.length - 1));
    problems.push({ kind, message: line, file: named?.[1] ?? (kind === "died" ? lastFile : undefined) });
  }
  return problems;
}

function parseBatch(line: string): DumpedBatch {
  const { CreateTime, LogAppendTime, NoTimestampType, ...fields } = parseFields(line);
  return {
    ...fields,
    timestampType:
      LogAppendTime !== undefined ? "LogAppendTime" : CreateTime !== undefined ? "CreateTime" : "NoTimestampType",
    maxTimestamp: LogAppendTime ?? CreateTime ?? NoTimestampType,
    records: [],
  } as unknown as DumpedBatch;
}

/** `name: value` pairs. Java's OptionalLong[7] is 7, OptionalLong.empty is undefined. */
function parseFields(line: string): Fields {
  const fields: Fields = {};
  for (const [, name, value] of line.matchAll(/(\w+): (\S+)/g)) {
    const long = /^(?:OptionalLong\[)?(-?\d+)\]?$/.exec(value);
    if (long) fields[name] = Number(long[1]);
    else if (value === "true" || value === "false") fields[name] = value === "true";
    else fields[name] = value === "OptionalLong.empty" ? undefined : value;
  }
  return fields;
}

const recordLine =
  /^\| offset: (\d+) (\w+): (-?\d+) keySize: (-?\d+) valueSize: (-?\d+) sequence: (-?\d+) headerKeys: \[(.*?)\](.*)$/s;

function parseRecord(line: string): DumpedRecord {
  const match = recordLine.exec(line)!;
  const [keySize, valueSize] = [Number(match[4]), Number(match[5])];
  const record: DumpedRecord = {
    offset: Number(match[1]),
    timestampType: match[2] as TimestampType,
    timestamp: Number(match[3]),
    keySize,
    valueSize,
    sequence: Number(match[6]),
    headerKeys: match[7] === "" ? [] : text(match[7]).split(","),
  };
  const marker = /^ endTxnMarker: (\w+)/.exec(match[8]);
  if (marker) record.endTxnMarker = marker[1];
  else Object.assign(record, parseKeyAndValue(match[8], keySize, valueSize));
  return record;
}

function parseKeyAndValue(
  rest: string,
  keySize: number,
  valueSize: number,
): { key?: string | null; value?: string | null } {
  // With a decoder (--offsets-decoder …) both are JSON, whose length says nothing of the bytes.
  const decoded = /^ key: (\{.*?\}) payload: (.*)$/s.exec(rest);
  if (decoded) return { key: text(decoded[1]), value: text(decoded[2]) };
  const keyPart = keySize < 0 ? 0 : " key: ".length + keySize;
  const valuePart = valueSize < 0 ? 0 : " payload: ".length + valueSize;
  if (rest.length !== keyPart + valuePart) return {};
  return {
    key: keySize < 0 ? null : text(rest.slice(" key: ".length, keyPart)),
    value: valueSize < 0 ? null : text(rest.slice(keyPart + " payload: ".length)),
  };
}

/** One character per byte, back to what the bytes spell. */
function text(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}

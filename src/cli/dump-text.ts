/** What dump prints for people. */
import type { Batch } from "../format/batch.ts";
import type { Int64 } from "./encoding.ts";
import { plural } from "./numbers.ts";
import type { RecordLine } from "./record-line.ts";

/** A date that JavaScript can write, as ISO 8601. */
const MAX_DATE_MS = 8.64e15;

export function formatBatch(batch: Batch): string {
  const { position, baseOffset, lastOffset, recordCount, compression, leaderEpoch, sizeInBytes } = batch;
  const parts = [`batch at ${position}`, `offsets ${baseOffset} to ${lastOffset}`, plural(recordCount, "record")];
  parts.push(plural(sizeInBytes, "byte"), `epoch ${leaderEpoch}`);
  if (compression !== "none") parts.push(compression);
  if (batch.timestampType === "LogAppendTime") parts.push("LogAppendTime");
  if (batch.producerId >= 0) {
    parts.push(`producer ${batch.producerId} epoch ${batch.producerEpoch} sequence ${batch.baseSequence}`);
  }
  if (batch.isTransactional) parts.push("transactional");
  if (batch.deleteHorizonMs !== undefined) parts.push(`delete horizon ${formatTime(batch.deleteHorizonMs)}`);
  return parts.join("  ");
}

export function formatRecord(line: RecordLine): string {
  const parts = [`  ${line.offset}`, formatTime(line.timestamp)];
  if (line.control) parts.push(`${line.control.type} marker, coordinator epoch ${line.control.coordinatorEpoch}`);
  else if (line.decodedKey !== undefined) parts.push(`${show(line.decodedKey)} → ${show(line.decodedValue)}`);
  else parts.push(`${show(line.key)} → ${show(line.value)}`);
  for (const [name, value] of line.headers) parts.push(`${name}=${show(value)}`);
  return parts.join("  ");
}

/** "offset 27  position 502" */
export function formatFields(fields: object): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${typeof value === "object" ? show(value) : value}`)
    .join("  ");
}

function formatTime(timestamp: Int64): string {
  if (typeof timestamp === "string" || timestamp < 0 || timestamp > MAX_DATE_MS) return String(timestamp);
  return new Date(timestamp).toISOString();
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? "";
}

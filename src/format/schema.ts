/**
 * Messages as data: the types that Kafka's structures are made of, and how they combine.
 *
 *   const Member = struct({ memberId: string, clientHost: string, rebalanceTimeout: since(1, int32, -1), assignment: bytes });
 *   const Group = flexible(4, struct({ protocol: nullableString, members: array(Member), leaderEpoch: tagged(0, 4, int32, -1) }));
 *
 *   read(Group, bytes, 3)           → Infer<typeof Group>, every field set, those the version lacks to their default
 *   write(Group, { … }, 3)          ← Input<typeof Group>: fields under since, until and tagged may be left out
 *
 * One description serves all versions of a message. In a flexible version `string`, `bytes` and `array` (and their nullable
 * forms) are compact and every struct ends in tagged fields; the types called compact are so in every version. Tags that
 * a struct does not know are skipped.
 *
 * Hostile input costs an error: nothing is read past the end, a length or a count is compared with the bytes that are
 * left before anything is allocated for it. VARVE_CORRUPT carries the position. Bytes that are read are views of the input.
 */
import { MessageReader, type ReadOptions } from "./message-reader.ts";
import { MessageWriter } from "./message-writer.ts";
import type { Type } from "./schema-type.ts";

export type { ReadOptions } from "./message-reader.ts";
export * from "./schema-numbers.ts";
export * from "./schema-sized.ts";
export * from "./schema-struct.ts";
export type { Infer, Input, Type } from "./schema-type.ts";

/** Reads one value that must fill the bytes exactly. */
export function read<T, I>(
  type: Type<T, I>,
  bytes: Uint8Array,
  version = 0,
  at = 0,
  end = bytes.length,
  options?: ReadOptions,
): T {
  const from = new MessageReader(bytes, version, at, end, options);
  const value = type.read(from);
  from.field = "";
  if (from.at !== end) throw from.corrupt(`${end - from.at} bytes are left over`);
  return value;
}

export function write<T, I>(type: Type<T, I>, value: I, version = 0): Uint8Array {
  const to = new MessageWriter(version);
  type.write(to, value);
  return to.written();
}

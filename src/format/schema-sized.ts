/**
 * The types of schema.ts that stand behind their length: strings, byte arrays, arrays.
 *
 *   plain     string int16, bytes and array int32; -1 is null
 *   compact   length + 1 as an unsigned varint; 0 is null
 *
 * In a flexible version the plain types are compact too.
 */
import type { MessageReader } from "./message-reader.ts";
import type { MessageWriter } from "./message-writer.ts";
import { int16, int32 } from "./schema-numbers.ts";
import type { Type } from "./schema-type.ts";

export const string = text(false);
export const compactString = text(true);
export const nullableString = nullable(text(false));
export const compactNullableString = nullable(text(true));

export const bytes = binary(false);
export const compactBytes = binary(true);
export const nullableBytes = nullable(binary(false));
export const compactNullableBytes = nullable(binary(true));

export function array<T, I>(element: Type<T, I>): Type<T[], readonly I[]> {
  return list(element, false);
}

export function compactArray<T, I>(element: Type<T, I>): Type<T[], readonly I[]> {
  return list(element, true);
}

export function nullableArray<T, I>(element: Type<T, I>): Type<T[] | null, readonly I[] | null> {
  return nullable(list(element, false));
}

export function compactNullableArray<T, I>(element: Type<T, I>): Type<T[] | null, readonly I[] | null> {
  return nullable(list(element, true));
}

interface Sized<T, I> extends Type<T, I> {
  readonly width: 2 | 4;
  readonly compact: boolean;
  readonly what: string;
  readContent(from: MessageReader, length: number): T;
}

function sized<T, I>(type: Omit<Sized<T, I>, "read">): Sized<T, I> {
  return {
    ...type,
    read(from) {
      const length = readLength(from, type);
      if (length === -1) throw from.corrupt(`null where ${type.what} is expected`);
      return type.readContent(from, length);
    },
  };
}

function nullable<T, I>(type: Sized<T, I>): Type<T | null, I | null> {
  return {
    read(from) {
      const length = readLength(from, type);
      return length === -1 ? null : type.readContent(from, length);
    },
    write(to, value) {
      if (value === null) writeLength(to, -1, type);
      else type.write(to, value);
    },
    absent: () => null,
  };
}

type LengthForm = Pick<Sized<unknown, unknown>, "width" | "compact" | "what">;

function readLength(from: MessageReader, { width, compact, what }: LengthForm): number {
  const length = compact || from.flexible ? from.uvarint() - 1 : (width === 2 ? int16 : int32).read(from);
  return length === -1 ? -1 : from.bounded(length, `the length of ${what}`);
}

function writeLength(to: MessageWriter, length: number, { width, compact }: LengthForm): void {
  if (compact || to.flexible) to.uvarint(length + 1);
  else (width === 2 ? int16 : int32).write(to, length);
}

/** Kafka allows 32,767 bytes in either form. */
const LONGEST_STRING = 0x7fff;

function text(compact: boolean): Sized<string, string> {
  const form = { width: 2, compact, what: "a string" } as const;
  return sized({
    ...form,
    readContent: (from, length) => from.text(length),
    write(to, value) {
      if (typeof value !== "string") throw to.invalid(value, "a string");
      const length = Buffer.byteLength(value);
      if (length > LONGEST_STRING) throw to.invalid(value, `a string of at most ${LONGEST_STRING} bytes`);
      writeLength(to, length, form);
      to.text(value, length);
    },
    absent: () => "",
  });
}

function binary(compact: boolean): Sized<Uint8Array, Uint8Array> {
  const form = { width: 4, compact, what: "a byte array" } as const;
  return sized({
    ...form,
    readContent: (from, length) => new Uint8Array(from.bytes.buffer, from.bytes.byteOffset + from.take(length), length),
    write(to, value) {
      if (!(value instanceof Uint8Array)) throw to.invalid(value, "a Uint8Array");
      writeLength(to, value.length, form);
      to.raw(value);
    },
    absent: () => new Uint8Array(0),
  });
}

/** Every element has at least one byte, so the bytes that are left bound the count as they bound a length. */
function list<T, I>(element: Type<T, I>, compact: boolean): Sized<T[], readonly I[]> {
  const form = { width: 4, compact, what: "an array" } as const;
  return sized({
    ...form,
    readContent(from, count) {
      from.spend(count);
      const elements: T[] = [];
      for (let i = 0; i < count; i++) elements.push(element.read(from));
      return elements;
    },
    write(to, value) {
      if (!Array.isArray(value)) throw to.invalid(value, "an array");
      writeLength(to, value.length, form);
      for (const one of value as readonly I[]) element.write(to, one);
    },
    absent: () => [],
  });
}

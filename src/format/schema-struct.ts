/**
 * How the types of schema.ts combine: structs, and what differs between the versions of a message.
 *
 * In a flexible version every struct ends in its tagged fields: their number, then tag, size and content of each,
 * ascending by tag; number, tag and size are unsigned varints.
 */
import { VarveError } from "../errors.ts";
import type { MessageReader } from "./message-reader.ts";
import { MessageWriter } from "./message-writer.ts";
import { int8 } from "./schema-numbers.ts";
import type { Infer, Input, Type } from "./schema-type.ts";

type Fields = Record<string, Type<unknown, unknown>>;
type LeftOut<F extends Fields> = { [K in keyof F]: undefined extends Input<F[K]> ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };
type StructInput<F extends Fields> = Flat<
  { [K in Exclude<keyof F, LeftOut<F>>]: Input<F[K]> } & { [K in LeftOut<F>]?: Input<F[K]> }
>;

/** Its fields, in this order; tagged ones come last, wherever they stand here. */
export function struct<F extends Fields>(fields: F): Type<{ [K in keyof F]: Infer<F[K]> }, StructInput<F>> {
  const names = Object.keys(fields);
  if (names.includes("__proto__")) throw new VarveError("VARVE_INVALID_ARGUMENT", "no field can be called __proto__");
  const plain = names.filter((name) => !isTagged(fields[name]));
  const tagged = names.flatMap((name) => {
    const type = fields[name];
    return isTagged(type) ? [{ name, type }] : [];
  });
  tagged.sort((a, b) => a.type.tag - b.type.tag);
  type Out = { [K in keyof F]: Infer<F[K]> };

  return {
    read(from) {
      const out: Record<string, unknown> = {};
      for (const name of plain) {
        from.field = name;
        out[name] = fields[name].read(from);
      }
      for (const { name, type } of tagged) out[name] = type.absent();
      if (from.flexible) readTags(from, tagged, out);
      return out as Out;
    },
    write(to, value) {
      if (typeof value !== "object" || value === null) throw to.invalid(value, "an object");
      const given = value as Record<string, unknown>;
      for (const name of plain) {
        to.field = name;
        fields[name].write(to, given[name]);
      }
      if (to.flexible) writeTags(to, tagged, given);
    },
    absent() {
      const out: Record<string, unknown> = {};
      for (const name of names) out[name] = fields[name].absent();
      return out as Out;
    },
  };
}

/** A struct behind a byte that says whether it is there: -1 for null, else 1. */
export function nullableStruct<T, I>(type: Type<T, I>): Type<T | null, I | null> {
  return {
    read: (from) => (int8.read(from) < 0 ? null : type.read(from)),
    write(to, value) {
      int8.write(to, value === null ? -1 : 1);
      if (value !== null) type.write(to, value);
    },
    absent: () => null,
  };
}

/** A field that `first` and later versions have. `since(0, …, fallback)` makes one that a writer may leave out. */
export function since<T, I>(first: number, type: Type<T, I>, fallback?: T): Type<T, I | undefined> {
  return inVersions((version) => version >= first, type, fallback);
}

/** A field that versions up to and including `last` have. */
export function until<T, I>(last: number, type: Type<T, I>, fallback?: T): Type<T, I | undefined> {
  return inVersions((version) => version <= last, type, fallback);
}

/** From this version on: compact lengths, and tagged fields in every struct. `flexible(Infinity, …)` makes an exception. */
export function flexible<T, I>(first: number, type: Type<T, I>): Type<T, I> {
  return {
    read(from) {
      const outer = from.flexible;
      from.flexible = from.version >= first;
      const value = type.read(from);
      from.flexible = outer;
      return value;
    },
    write(to, value) {
      const outer = to.flexible;
      to.flexible = to.version >= first;
      type.write(to, value);
      to.flexible = outer;
    },
    absent: () => type.absent(),
  };
}

interface Tagged<T, I> extends Type<T, I> {
  readonly tag: number;
  readonly first: number;
}

/** A field of a struct's tag section, in flexible versions from `first` on. Written only where it is not the fallback. */
export function tagged<T, I>(tag: number, first: number, type: Type<T, I>, fallback?: T): Type<T, I | undefined> {
  const field: Tagged<T, I | undefined> = { ...since(0, type, fallback), tag, first };
  return field;
}

function isTagged(type: Type<unknown, unknown>): type is Tagged<unknown, unknown> {
  return "tag" in type;
}

interface NamedTag {
  name: string;
  type: Tagged<unknown, unknown>;
}

/** Every tagged field has at least two bytes, tag and size. */
function readTags(from: MessageReader, tagged: readonly NamedTag[], out: Record<string, unknown>): void {
  const count = from.bounded(from.uvarint(), "the number of tagged fields");
  for (let i = 0; i < count; i++) {
    const tag = from.uvarint();
    const size = from.bounded(from.uvarint(), "the size of a tagged field");
    const known = tagged.find(({ type }) => type.tag === tag && from.version >= type.first);
    if (known) {
      from.field = known.name;
      out[known.name] = readWithin(from, size, known.type);
    } else {
      from.take(size);
    }
  }
}

function readWithin(from: MessageReader, size: number, type: Type<unknown, unknown>): unknown {
  const outerEnd = from.end;
  from.end = from.at + size;
  const value = type.read(from);
  if (from.at !== from.end) throw from.corrupt(`${from.remaining} bytes of a tagged field are left over`);
  from.end = outerEnd;
  return value;
}

function writeTags(to: MessageWriter, tagged: readonly NamedTag[], given: Record<string, unknown>): void {
  const present = tagged.filter(
    ({ name, type }) => to.version >= type.first && !isAbsent(to.version, type, given[name]),
  );
  to.uvarint(present.length);
  for (const { name, type } of present) {
    to.field = name;
    to.uvarint(type.tag);
    const start = to.at;
    type.write(to, given[name]);
    to.prefixLength(start);
  }
}

function isAbsent(version: number, type: Type<unknown, unknown>, value: unknown): boolean {
  const absent = type.absent();
  if (value === undefined || value === absent) return true;
  if (typeof value !== "object" || value === null || absent === null) return false;
  return Buffer.compare(inTags(version, type, value), inTags(version, type, absent)) === 0;
}

function inTags(version: number, type: Type<unknown, unknown>, value: unknown): Uint8Array {
  const to = new MessageWriter(version);
  to.flexible = true;
  type.write(to, value);
  return to.written();
}

function inVersions<T, I>(
  has: (version: number) => boolean,
  type: Type<T, I>,
  fallback: T | undefined,
): Type<T, I | undefined> {
  const absent = fallback === undefined ? () => type.absent() : () => fallback;
  return {
    read: (from) => (has(from.version) ? type.read(from) : absent()),
    write(to, value) {
      if (has(to.version)) type.write(to, value === undefined ? (absent() as unknown as I) : value);
    },
    absent,
  };
}

/**
 * Values and keys on their way to bytes and back.
 *
 * A codec sees neither null (a tombstone, stored as a null value) nor undefined (refused). It encodes to bytes, or to a
 * string, which is then written as UTF-8 straight into the batch: no intermediate buffer. What a codec throws comes out
 * as VARVE_CODEC with its error as the cause, where the value was touched.
 */
import { Packr } from "msgpackr";
import type { CodecName } from "../engine/config.ts";
import { readText } from "../format/text.ts";

/** Your own encoding of values. `decode(encode(value))` must give the value again. */
export interface Codec<V> {
  /** Bytes, or a string to be stored as UTF-8. */
  encode(value: V): Uint8Array | string;
  /** `bytes` is a view on the log's own memory: read it, don't write it. */
  decode(bytes: Uint8Array): V;
}

/** A codec by name, or your own. */
export type CodecOption<V> = CodecName | Codec<V>;

/** A codec of whatever values. */
export type AnyCodec = CodecName | { encode(value: never): Uint8Array | string; decode(bytes: Uint8Array): unknown };

/** How keys come out: as strings, or as the bytes they are. */
export type KeyCodec = "string" | "bytes";

/** A codec as the client uses it: decoding in place, without a view per value where that can be had. */
export interface Serde {
  readonly name: string;
  /** `decode` gives nothing but a view. */
  readonly isView?: boolean;
  encode(value: unknown): Uint8Array | string;
  decode(bytes: Buffer, start: number, end: number): unknown;
}

/** A view. `subarray` of a Buffer would cost three times as much, and give a Buffer. */
function viewOf(bytes: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

const json: Serde = {
  name: "json",
  encode(value) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`JSON has no text for a ${typeof value}`);
    return text;
  },
  decode: (bytes, start, end) => JSON.parse(bytes.toString("utf8", start, end)),
};

/**
 * Plain MessagePack, each value by itself: no record extension and no structures shared between values, which only
 * msgpackr could read back, and nothing that points from one value into another.
 */
const packr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true, structuredClone: false });

const msgpack: Serde = {
  name: "msgpack",
  encode(value) {
    if (typeof value === "function" || typeof value === "symbol") {
      throw new TypeError(`MessagePack has no form for a ${typeof value}`);
    }
    return packr.pack(value);
  },
  // A Buffer, because msgpackr takes its fast way through strings only there. It turns a `__proto__` key into `__proto_`.
  decode: (bytes, start, end) => packr.unpack(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)),
};

const string: Serde = {
  name: "string",
  encode(value) {
    if (typeof value !== "string") throw new TypeError(`expected a string, not ${kindOf(value)}`);
    return value;
  },
  decode: readText,
};

const bytes: Serde = {
  name: "bytes",
  isView: true,
  encode(value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`expected a Uint8Array, not ${kindOf(value)}`);
    return value;
  },
  decode: viewOf,
};

const SERDES: Record<CodecName, Serde> = { json, msgpack, string, bytes };

/** Whether an option is a codec at all. */
export function isCodec(option: unknown): option is AnyCodec {
  if (typeof option === "string") return Object.hasOwn(SERDES, option);
  if (typeof option !== "object" || option === null) return false;
  const codec = option as Partial<Codec<unknown>>;
  return typeof codec.encode === "function" && typeof codec.decode === "function";
}

/** The first codec that is given: the consumer's or producer's, then the topic's, then JSON. */
export function serdeFor(...options: (AnyCodec | undefined)[]): Serde {
  const option = options.find((candidate) => candidate !== undefined) ?? "json";
  return typeof option === "string" ? SERDES[option] : custom(option as Codec<unknown>);
}

function custom(codec: Codec<unknown>): Serde {
  return {
    name: "custom",
    encode(value) {
      const encoded = codec.encode(value);
      if (typeof encoded === "string" || encoded instanceof Uint8Array) return encoded;
      throw new TypeError(`encode must return a Uint8Array or a string, not ${kindOf(encoded)}`);
    },
    decode: (from, start, end) => codec.decode(viewOf(from, start, end)),
  };
}

/** What to call a value in a message about a wrong one. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value instanceof Date) return "a Date";
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;
}

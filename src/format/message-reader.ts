/**
 * The cursor that messages are read with. It never reads past `end`, and it knows what the types of schema.ts need to
 * know: the version, whether that version is flexible (compact lengths, tagged fields), and the field it is in, for errors.
 */
import { VarveError } from "../errors.ts";
import { exactInt64, readInt64 } from "./integers.ts";
import { cursor, readVarint, readVarlong, readVarlongExact } from "./varint.ts";

export interface ReadOptions {
  /**
   * What to do with an int64 outside ±(2^53−1): throw VARVE_UNSAFE_INTEGER (the default), or put a decimal string where the
   * types say number, for printing.
   */
  unsafe?: "throw" | "string";
  /** How many elements all arrays together may have: each costs memory, however few bytes it has. */
  maxElements?: number;
}

export class MessageReader {
  readonly bytes: Uint8Array;
  readonly version: number;
  at: number;
  end: number;
  flexible = false;
  field = "";
  readonly #unsafe: "throw" | "string";
  #elementsLeft: number;

  constructor(bytes: Uint8Array, version = 0, at = 0, end = bytes.length, options: ReadOptions = {}) {
    this.bytes = bytes;
    this.version = version;
    this.at = at;
    this.end = end;
    this.#unsafe = options.unsafe ?? "throw";
    this.#elementsLeft = options.maxElements ?? Number.POSITIVE_INFINITY;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  /** Moves past `length` bytes and returns where they start. */
  take(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw this.corrupt(`${length} bytes expected, ${this.end - start} left`);
    this.at = start + length;
    return start;
  }

  int64(): number {
    const at = this.take(8);
    const value = readInt64(this.bytes, at);
    return Number.isSafeInteger(value) ? value : this.#outside(exactInt64(this.bytes, at), at);
  }

  varint(): number {
    const value = readVarint(this.bytes, this.at, this.end);
    this.#moveTo(cursor.at);
    return value;
  }

  varlong(): number {
    const start = this.at;
    const value = readVarlong(this.bytes, start, this.end);
    this.#moveTo(cursor.at);
    return Number.isNaN(value) ? this.#outside(readVarlongExact(this.bytes, start), start) : value;
  }

  /** At most 32 bits: five bytes, of the last one four bits. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.take(1)];
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw this.corrupt("a varint of more than 32 bits");
  }

  /** A length that must lie within the bytes left: so also the bound of what may be allocated for it. */
  bounded(length: number, what: string): number {
    if (length >= 0 && length <= this.end - this.at) return length;
    throw this.corrupt(`${what} is ${length}, but ${this.end - this.at} bytes are left`);
  }

  /** Takes the elements of an array from those that are allowed. */
  spend(count: number): void {
    this.#elementsLeft -= count;
    if (this.#elementsLeft < 0) throw this.corrupt("more array elements than are allowed");
  }

  text(length: number): string {
    const start = this.take(length);
    const text = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length).toString("utf8");
    if (text.includes("\ufffd")) this.#checkUtf8(start, length);
    return text;
  }

  corrupt(reason: string): VarveError {
    const where = this.field === "" ? "" : ` in field ${this.field}`;
    return new VarveError("VARVE_CORRUPT", `${reason}, at position ${this.at}${where}`, { position: this.at });
  }

  #moveTo(at: number): void {
    if (at < 0) throw this.corrupt("a varint that does not end or is too long");
    this.at = at;
  }

  /** The replacement character may have been written as such; only broken bytes are an error. */
  #checkUtf8(start: number, length: number): void {
    try {
      STRICT.decode(this.bytes.subarray(start, start + length));
    } catch {
      throw this.corrupt("a string that is not UTF-8");
    }
  }

  #outside(value: bigint, position: number): number {
    if (this.#unsafe === "string") return value.toString() as unknown as number;
    const where = `at position ${position}${this.field === "" ? "" : ` in field ${this.field}`}`;
    throw new VarveError("VARVE_UNSAFE_INTEGER", `${value} ${where} is outside ±(2^53−1)`, { position });
  }
}

const STRICT = new TextDecoder("utf-8", { fatal: true });

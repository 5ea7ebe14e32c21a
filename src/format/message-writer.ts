/**
 * The cursor that messages are written with: a buffer that grows. What schema.ts's types need to know while writing is
 * here too: the version, whether that version is flexible, and the field it is in, for errors.
 */
import { VarveError } from "../errors.ts";
import { writeInt16, writeInt32, writeInt64 } from "./integers.ts";
import { writeVarint, writeVarlong } from "./varint.ts";

export class MessageWriter {
  bytes: Uint8Array;
  at = 0;
  readonly version: number;
  flexible = false;
  field = "";

  constructor(version = 0, capacity = 128) {
    this.version = version;
    this.bytes = new Uint8Array(capacity);
  }

  /** A view of what has been written so far. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  /** Makes room for `length` bytes, moves past them and returns where they start. */
  room(length: number): number {
    const start = this.at;
    const end = start + length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.bytes.length));
      grown.set(this.bytes.subarray(0, start));
      this.bytes = grown;
    }
    this.at = end;
    return start;
  }

  uint8(value: number): void {
    const at = this.room(1);
    this.bytes[at] = value;
  }

  int16(value: number): void {
    const at = this.room(2);
    writeInt16(this.bytes, at, value);
  }

  int32(value: number): void {
    const at = this.room(4);
    writeInt32(this.bytes, at, value);
  }

  int64(value: number): void {
    const at = this.room(8);
    writeInt64(this.bytes, at, value);
  }

  varint(value: number): void {
    const at = this.room(5);
    this.at = writeVarint(this.bytes, at, value);
  }

  varlong(value: number): void {
    const at = this.room(10);
    this.at = writeVarlong(this.bytes, at, value);
  }

  uvarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.uint8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.uint8(rest);
  }

  raw(bytes: Uint8Array): void {
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
  }

  /** `length` is that of the text in UTF-8. */
  text(text: string, length: number): void {
    const at = this.room(length);
    ENCODER.encodeInto(text, this.bytes.subarray(at, at + length));
  }

  /** Puts the length of everything behind `start` in front of it. */
  prefixLength(start: number): void {
    const end = this.at;
    this.uvarint(end - start);
    const prefix = this.bytes.slice(end, this.at);
    this.bytes.copyWithin(start + prefix.length, start, end);
    this.bytes.set(prefix, start);
  }

  /** The error for a value that the field cannot hold. */
  invalid(value: unknown, expected: string): VarveError {
    const found = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : nameOf(value);
    const where = this.field === "" ? "" : `field ${this.field}: `;
    return new VarveError("VARVE_INVALID_ARGUMENT", `${where}${expected} expected, not ${found}`);
  }
}

const ENCODER = new TextEncoder();

function nameOf(value: unknown): string {
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

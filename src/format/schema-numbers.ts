/** The types of schema.ts that have no length in front: integers, float64, bool, uuid. Writers refuse what does not fit. */
import { VarveError } from "../errors.ts";
import { readInt16, readInt32, readUint32 } from "./integers.ts";
import type { MessageReader } from "./message-reader.ts";
import type { MessageWriter } from "./message-writer.ts";
import type { Type } from "./schema-type.ts";
import { UUID_BYTES, uuidFromString, uuidToString, ZERO_UUID } from "./uuid.ts";

export const int8 = integer(
  -0x80,
  0x7f,
  (from) => (from.bytes[from.take(1)] << 24) >> 24,
  (to, value) => to.uint8(value),
);
export const int16 = integer(
  -0x8000,
  0x7fff,
  (from) => readInt16(from.bytes, from.take(2)),
  (to, value) => to.int16(value),
);
export const uint16 = integer(
  0,
  0xffff,
  (from) => readInt16(from.bytes, from.take(2)) & 0xffff,
  (to, value) => to.int16(value),
);
export const int32 = integer(
  -0x8000_0000,
  0x7fff_ffff,
  (from) => readInt32(from.bytes, from.take(4)),
  (to, value) => to.int32(value),
);
export const uint32 = integer(
  0,
  0xffff_ffff,
  (from) => readUint32(from.bytes, from.take(4)),
  (to, value) => to.int32(value),
);
/** Zigzag, 32 bits. */
export const varint = integer(
  -0x8000_0000,
  0x7fff_ffff,
  (from) => from.varint(),
  (to, value) => to.varint(value),
);
export const uvarint = integer(
  0,
  0xffff_ffff,
  (from) => from.uvarint(),
  (to, value) => to.uvarint(value),
);
export const int64 = safeInteger(
  (from) => from.int64(),
  (to, value) => to.int64(value),
);
/** Zigzag, 64 bits. */
export const varlong = safeInteger(
  (from) => from.varlong(),
  (to, value) => to.varlong(value),
);

export const float64: Type<number> = {
  read(from) {
    return new DataView(from.bytes.buffer, from.bytes.byteOffset + from.take(8)).getFloat64(0);
  },
  write(to, value) {
    if (typeof value !== "number") throw to.invalid(value, "a number");
    const at = to.room(8);
    new DataView(to.bytes.buffer, to.bytes.byteOffset + at).setFloat64(0, value);
  },
  absent: () => 0,
};

export const bool: Type<boolean> = {
  read: (from) => from.bytes[from.take(1)] !== 0,
  write(to, value) {
    if (typeof value !== "boolean") throw to.invalid(value, "true or false");
    to.uint8(value ? 1 : 0);
  },
  absent: () => false,
};

/** As text, see uuid.ts. */
export const uuid: Type<string> = {
  read: (from) => uuidToString(from.bytes, from.take(UUID_BYTES)),
  write: (to, value) => to.raw(uuidFromString(value)),
  absent: () => ZERO_UUID,
};

function integer(
  least: number,
  most: number,
  get: (from: MessageReader) => number,
  put: (to: MessageWriter, value: number) => void,
): Type<number> {
  return {
    read: get,
    write(to, value) {
      if (!Number.isInteger(value) || value < least || value > most) {
        throw to.invalid(value, `an integer from ${least} to ${most}`);
      }
      put(to, value);
    },
    absent: () => 0,
  };
}

function safeInteger(
  get: (from: MessageReader) => number,
  put: (to: MessageWriter, value: number) => void,
): Type<number> {
  return {
    read: get,
    write(to, value) {
      if (!Number.isInteger(value)) throw to.invalid(value, "an integer");
      if (!Number.isSafeInteger(value)) {
        throw new VarveError("VARVE_UNSAFE_INTEGER", `field ${to.field}: ${value} is outside ±(2^53−1)`);
      }
      put(to, value);
    },
    absent: () => 0,
  };
}

/** The field type `records` of a response: ranges of bytes that are sent as they lie. A reader gets them as one byte array. */
import { nullableBytes, type Type } from "../format/schema.ts";
import { type RecordRange, ResponseWriter } from "./response-writer.ts";

export const records: Type<Uint8Array | null, readonly RecordRange[] | null> = {
  read: (from) => nullableBytes.read(from),
  write(to, ranges) {
    if (ranges === null) return nullableBytes.write(to, null);
    const size = ranges.reduce((sum, range) => sum + range.sizeInBytes, 0);
    if (to.flexible) to.uvarint(size + 1);
    else to.int32(size);
    if (to instanceof ResponseWriter) to.splice(ranges, size);
    else for (const { bytes, at, sizeInBytes } of ranges) to.raw(bytes.subarray(at, at + sizeInBytes));
  },
  absent: () => null,
};

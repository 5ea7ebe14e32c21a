/**
 * The producer state of a partition as of an offset (`.snapshot`): which producers wrote, up to which sequence.
 *
 *   version   int16 = 1
 *   crc       uint32, CRC32C of everything behind it
 *   entries   array of
 *     producer id               int64
 *     epoch                     int16
 *     last sequence             int32
 *     last offset               int64
 *     offset delta              int32, last offset − first offset of the last batch
 *     timestamp                 int64, of the last batch
 *     coordinator epoch         int32, of the last transaction marker; -1 before one
 *     current txn first offset  int64; -1 outside of a transaction
 *
 * A damaged snapshot is VARVE_CORRUPT (it can be rebuilt from the log), a newer one VARVE_UNSUPPORTED_VERSION.
 */
import { VarveError } from "../errors.ts";
import { crc32c } from "./crc32c.ts";
import { readInt16, readUint32, writeInt32 } from "./integers.ts";
import { array, type Infer, int16, int32, int64, type ReadOptions, read, struct, uint32, write } from "./schema.ts";

const VERSION = 1;
const VERSION_AT = 0;
const CRC_AT = VERSION_AT + 2;
const ENTRIES_AT = CRC_AT + 4;

const ENTRY = struct({
  producerId: int64,
  epoch: int16,
  lastSequence: int32,
  lastOffset: int64,
  offsetDelta: int32,
  timestamp: int64,
  coordinatorEpoch: int32,
  currentTxnFirstOffset: int64,
});

const SNAPSHOT = struct({ version: int16, crc: uint32, entries: array(ENTRY) });

export type ProducerSnapshotEntry = Infer<typeof ENTRY>;

/** `file` is what errors call the bytes. */
export function readProducerSnapshot(
  bytes: Uint8Array,
  file = "the snapshot",
  options?: ReadOptions,
): ProducerSnapshotEntry[] {
  if (bytes.length < ENTRIES_AT) throw corrupt(file, `${bytes.length} bytes are too few`);
  const version = readInt16(bytes, VERSION_AT);
  if (version > VERSION) {
    const message = `${file} has version ${version}; this release reads version ${VERSION}`;
    throw new VarveError("VARVE_UNSUPPORTED_VERSION", message, { file });
  }
  if (version < VERSION) throw corrupt(file, `version ${version} instead of ${VERSION}`);
  const expected = readUint32(bytes, CRC_AT);
  const found = crc32c(bytes, ENTRIES_AT, bytes.length);
  if (found !== expected) throw corrupt(file, `its checksum is ${hex(found)}, its bytes say ${hex(expected)}`);
  return read(SNAPSHOT, bytes, 0, 0, bytes.length, options).entries;
}

export function writeProducerSnapshot(entries: readonly ProducerSnapshotEntry[]): Uint8Array {
  const bytes = write(SNAPSHOT, { version: VERSION, crc: 0, entries });
  writeInt32(bytes, CRC_AT, crc32c(bytes, ENTRIES_AT, bytes.length));
  return bytes;
}

function corrupt(file: string, reason: string): VarveError {
  return new VarveError("VARVE_CORRUPT", `${file} is damaged: ${reason}`, { file });
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

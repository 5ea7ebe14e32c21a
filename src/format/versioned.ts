/** Messages that stand behind their own version (int16), as the keys and values of Kafka's internal topics do. */
import { VarveError } from "../errors.ts";
import { MessageWriter } from "./message-writer.ts";
import { int16, type ReadOptions, read, type Type } from "./schema.ts";

const VERSION_BYTES = 2;

export function versionOf(bytes: Uint8Array): number {
  return read(int16, bytes, 0, 0, Math.min(VERSION_BYTES, bytes.length));
}

/** `what` is what errors call it; `newest` is the last version that `type` describes. */
export function readVersioned<T, I>(
  what: string,
  type: Type<T, I>,
  newest: number,
  bytes: Uint8Array,
  options?: ReadOptions,
): T {
  const version = versionOf(bytes);
  if (version < 0) throw new VarveError("VARVE_CORRUPT", `a ${what} of version ${version}`, { position: 0 });
  if (version > newest) {
    const message = `a ${what} of version ${version}; this release reads versions up to ${newest}`;
    throw new VarveError("VARVE_UNSUPPORTED_VERSION", message);
  }
  return read(type, bytes, version, VERSION_BYTES, bytes.length, options);
}

export function writeVersioned<T, I>(type: Type<T, I>, value: I, version: number): Uint8Array {
  const to = new MessageWriter(version);
  to.int16(version);
  type.write(to, value);
  return to.written();
}

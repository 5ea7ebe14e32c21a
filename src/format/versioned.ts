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
  return new VersionedWriter(type, version).write(value);
}

/** Writes one message after the other into the same memory: each is valid until the next. */
export class VersionedWriter<T, I> {
  readonly #type: Type<T, I>;
  readonly #to: MessageWriter;

  constructor(type: Type<T, I>, version: number) {
    this.#type = type;
    this.#to = new MessageWriter(version);
  }

  write(value: I): Uint8Array {
    const to = this.#to;
    to.at = 0;
    to.int16(to.version);
    this.#type.write(to, value);
    return to.written();
  }
}

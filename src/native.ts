/**
 * Finds and loads the native module, or says why there is none: `prebuilds/<system>/varve.node`, one file for each system, for
 * every Node from 20 on, for Bun and for Deno.
 *
 * Everything it can do has a twin in TypeScript, so nothing here is fatal. A module is only taken when it was built from the
 * sources that this file knows (`abi`). It is loaded by `process.dlopen`, which no bundler tries to resolve, and looked for
 * at run time: beside this file, in the folders above it, and in the installed package. In an Electron app that is packed it lies
 * in `app.asar.unpacked`, where the system can open it.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { VarveError } from "./errors.ts";

/** The number of this interface; native/src/lib.rs has the same. */
const ABI = 7;

/**
 * What the module exports. Ranges are [start, end) of a buffer. Files are descriptors: those functions exist on Unix systems only,
 * and answer with a count, or with the negative error number of the system.
 */
export interface Native {
  abi(): number;
  /** CRC32C. */
  crc32c(bytes: Uint8Array, start: number, end: number): number;
  /** Where the run of whole, good batches that begins at `at` ends. */
  goodBatches(bytes: Uint8Array, at: number, end: number): number;
  /** Puts the checksum into the header of a batch. */
  seal(bytes: Uint8Array, at: number, end: number): void;
  /** See format/record.ts. False when a record is not as it should be, or in doubt. */
  tableRecords(
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
    rows: Int32Array,
    timestampDeltas: Float64Array,
  ): boolean;
  /** See format/batch-records.ts. The last offset delta; −2 when a record is not as it should be, or in doubt. */
  checkRecords(bytes: Uint8Array, start: number, end: number, count: number): number;
  /** See storage/key-fingerprints.ts: of all keys that the rows table. False when one lies outside of the bytes. */
  keyFingerprints(bytes: Uint8Array, rows: Int32Array, words: Int32Array): boolean;
  lz4Compress: BlockCodec;
  lz4Decompress: BlockCodec;
  snappyCompress: BlockCodec;
  snappyDecompress: BlockCodec;
  zstdCompress: BlockCodec;
  zstdDecompress: BlockCodec;
  write?(descriptor: number, from: Uint8Array, at: number, length: number, position: number): number;
  /** `seal` and `write`. */
  writeSealed?(descriptor: number, from: Uint8Array, at: number, length: number, position: number): number;
  read?(descriptor: number, into: Uint8Array, at: number, length: number, position: number): number;
  /** Reads to the start of `into`; `verdict[0]` then says how far it is good batches. */
  readBatches?(descriptor: number, into: Uint8Array, length: number, position: number, verdict: Int32Array): number;
  /**
   * Maps the first `length` bytes of a file: the id of the map. The least recently used map goes when there are too many, and a call that
   * names a map that is gone says so. The descriptor may be closed meanwhile.
   */
  map?(descriptor: number, length: number, writable: boolean): number;
  unmap?(map: number): void;
  /** Looks a record up in a mapped file and copies it out: see format/record-copies.ts. Its size, or one of the answers named there. */
  findRecord?(memory: Uint8Array): number;
  /** Linux: blocks for the bytes from `from` to `to`, the size of the file afterwards. 0, or an error number. */
  allocate?(descriptor: number, from: number, to: number): number;
  /** `seal` of the batch that `from` begins with, and a copy into a writable map; false where that cannot be had. */
  copySealed?(map: number, from: Uint8Array, position: number): boolean;
}

/**
 * Compresses or decompresses bytes[start, end) to out[at, limit). Returns the size; TOO_SMALL, or what is below it where the input is
 * damaged.
 */
export type BlockCodec = (
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  limit: number,
) => number;

export const TOO_SMALL = -1;

/** One of the two. */
export interface LoadedNative {
  native: Native | undefined;
  error: VarveError | undefined;
}

/** The module itself, or the path of its file. */
export type NativeBinding = string | object;

const loaded = new Map<NativeBinding | undefined, LoadedNative>();

/** Loads it once. Without `binding` it is looked for. */
export function loadNative(binding?: NativeBinding): LoadedNative {
  const known = loaded.get(binding);
  if (known) return known;
  let result: LoadedNative;
  try {
    result = { native: load(binding), error: undefined };
  } catch (error) {
    result = { native: undefined, error: error as VarveError };
  }
  loaded.set(binding, result);
  return result;
}

/** "linux-x64-gnu", "darwin-arm64": where the file for this system lies. On Linux the first that loads is the right one. */
export function prebuiltNames(platform: string = process.platform, arch: string = process.arch): string[] {
  const name = `${platform}-${arch}`;
  return platform === "linux" ? [`${name}-gnu`, `${name}-musl`] : [name];
}

/** Every path where the module may lie. */
export function candidates(from = placeOfThisFile()): string[] {
  return [...new Set([...candidatesAround(from), ...candidatesInstalled(from)])];
}

function candidatesAround(from: string): string[] {
  const here = dirname(from);
  return [here, dirname(here), dirname(dirname(here))].flatMap(candidatesIn);
}

function candidatesInstalled(from: string): string[] {
  try {
    return candidatesIn(dirname(createRequire(pathToFileURL(from)).resolve("varve/package.json")));
  } catch {
    // Not installed as a package: this file is part of a bundle, or of a checkout.
    return [];
  }
}

function candidatesIn(folder: string): string[] {
  return prebuiltNames().map((name) => unpacked(join(folder, "prebuilds", name, "varve.node")));
}

/** The system cannot open a file inside an Electron archive: such files are unpacked beside it. */
export function unpacked(path: string): string {
  return path.replace(/([\\/][^\\/]+\.asar)(?=[\\/])/, "$1.unpacked");
}

function load(binding: NativeBinding | undefined): Native {
  if (typeof binding === "object") return checked(binding, "the object given as nativeBinding");
  if (typeof binding === "string") return loadFile(unpacked(binding));
  // To find the package takes longer than to load the module: that comes last.
  const around = candidatesAround(placeOfThisFile()).filter((path) => existsSync(path));
  const paths = around.length > 0 ? around : candidates();
  const found = around.length > 0 ? around : paths.filter((path) => existsSync(path));
  if (found.length === 0) throw notFound(paths);
  for (const path of found.slice(0, -1)) {
    try {
      return loadFile(path);
    } catch {
      // Another libc's, perhaps: the error of the last one is told.
    }
  }
  return loadFile(found[found.length - 1]);
}

function loadFile(path: string): Native {
  const module = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (cause) {
    const { message } = cause as Error;
    throw unavailable(`the native module ${path} cannot be loaded: ${message}`, path, cause);
  }
  return checked(module.exports, path);
}

function checked(exports: object, what: string): Native {
  const native = exports as Native;
  const abi = typeof native.abi === "function" ? native.abi() : undefined;
  if (abi === ABI) return native;
  const built =
    abi === undefined ? "is no module of varve" : `was built for another version (${abi} instead of ${ABI})`;
  throw unavailable(`${what} ${built}`, what);
}

function notFound(paths: readonly string[]): VarveError {
  const message =
    `there is no native module for ${prebuiltNames().join(" or ")}. The package brings it in its folder prebuilds/; in a ` +
    "checkout `npm run build` builds it where cargo is installed; a bundle needs prebuilds/ beside it, or the option " +
    `nativeBinding with the path of varve.node. Looked at: ${paths.join(", ")}`;
  return unavailable(message, paths[0]);
}

function unavailable(message: string, file: string, cause?: unknown): VarveError {
  return new VarveError("VARVE_ENGINE_UNAVAILABLE", message, { file, cause });
}

/** A bundler that makes CommonJS of this leaves no `import.meta.url`; then the program that runs must do. */
function placeOfThisFile(): string {
  // In one piece: the build replaces it in CommonJS.
  const url = import.meta.url;
  return url ? fileURLToPath(url) : (process.argv[1] ?? join(process.cwd(), "index.js"));
}

/**
 * The file system of the machine, as a log needs it.
 *
 * Promises: files are made 0600 and folders 0700; nothing below `root` is reached through a symbolic link, be it the file
 * or a folder on the way (VARVE_ACCESS); a bounded number of descriptors, however many files are open; every failure is a
 * VarveError with operation, path and the system's words. The folders on the way are looked at just before the call, so
 * this guards against links that lie there, not against somebody who swaps them in between.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from "node:fs";
import type { Native } from "../native.ts";
import { closeQuietly, Descriptors } from "./descriptors.ts";
import { DiskFile, FILE_MODE, NO_FOLLOW } from "./disk-file.ts";
import { defaultNative } from "./engine-choice.ts";
import type { File, FileInfo, Files, OpenMode } from "./files.ts";
import { FolderSyncs } from "./folder-syncs.ts";
import { parentOf } from "./paths.ts";
import { Removals } from "./removals.ts";
import { foundError, hasErrno, systemError } from "./system-error.ts";

const FOLDER_MODE = 0o700;
const DEFAULT_MAX_DESCRIPTORS = 128;

export interface DiskFilesOptions {
  /** Below this folder no link is followed. It may be a link itself, or lie behind one. Without it only files are guarded. */
  root?: string;
  /** The most descriptors that stay open between calls. */
  maxDescriptors?: number;
  /** As the environment has it when not given; null for none. */
  native?: Native | null;
}

export class DiskFiles implements Files {
  readonly native: Native | undefined;
  readonly #root: string | undefined;
  readonly #descriptors: Descriptors;
  readonly #removals = new Removals();
  readonly #folderSyncs = new FolderSyncs((path) => this.#syncFolderInTurn(path));

  constructor(options: DiskFilesOptions = {}) {
    this.#root = options.root === undefined ? undefined : `${options.root.replace(/\/+$/, "")}/`;
    this.native = options.native === undefined ? defaultNative() : (options.native ?? undefined);
    this.#descriptors = new Descriptors(options.maxDescriptors ?? DEFAULT_MAX_DESCRIPTORS);
  }

  /** How many descriptors are open now. */
  get descriptorCount(): number {
    return this.#descriptors.count;
  }

  open(path: string, mode: OpenMode): File {
    const info = mode === "create" ? undefined : this.stat(path);
    const file = new DiskFile(path, mode !== "read", this.#descriptors, () => this.#guard(path), this.native);
    if (info) mustBeFile("open", path, info);
    else if (mode === "read") throw foundError("open", path, "ENOENT");
    else file.create();
    return file;
  }

  stat(path: string): FileInfo | undefined {
    this.#guard(path);
    return statOf(path);
  }

  list(folder: string): string[] | undefined {
    this.#guard(folder, true);
    try {
      return this.#descriptors.borrow("list", folder, () => readdirSync(folder)).sort();
    } catch (error) {
      if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
  }

  read(path: string): Uint8Array | undefined {
    const info = this.stat(path);
    if (!info) return undefined;
    mustBeFile("read", path, info);
    try {
      return this.#descriptors.borrow("read", path, () => readWhole(path));
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  makeFolder(path: string): void {
    this.#guard(path, true);
    try {
      makeFolders(path);
    } catch (error) {
      throw systemError("make the folder", path, error);
    }
  }

  rename(from: string, to: string): void {
    this.#guard(from);
    this.#guard(to);
    try {
      renameSync(from, to);
    } catch (error) {
      throw systemError("rename", from, error, to);
    }
  }

  link(from: string, to: string): boolean {
    this.#guard(from);
    this.#guard(to);
    try {
      linkSync(from, to);
      return true;
    } catch (error) {
      if (hasErrno(error, "EEXIST")) return false;
      throw systemError("link", from, error, to);
    }
  }

  remove(path: string): void {
    this.#guard(path);
    try {
      this.#removals.remove(path);
    } catch (error) {
      if (!hasErrno(error, "ENOENT", "ENOTDIR")) throw systemError("remove", path, error);
    }
  }

  removeFolder(path: string): void {
    const info = this.stat(path);
    if (!info) return;
    if (info.kind !== "folder") throw foundError("remove the folder", path, "ENOTDIR");
    for (const name of this.list(path) ?? [])
      if (this.stat(`${path}/${name}`)?.kind === "file") this.remove(`${path}/${name}`);
    this.#descriptors.borrow("remove the folder", path, () => rmSync(path, { recursive: true, force: true }));
  }

  async syncFolder(path: string): Promise<void> {
    if (process.platform !== "win32") await this.#folderSyncs.run(path);
  }

  syncFolderNow(path: string): void {
    if (process.platform === "win32") return;
    const descriptor = this.#openFolder(path);
    try {
      fsyncSync(descriptor);
    } catch (error) {
      throw systemError("sync the folder", path, error);
    } finally {
      closeQuietly(descriptor);
    }
  }

  async #syncFolderInTurn(path: string): Promise<void> {
    await this.#descriptors.turn();
    try {
      const descriptor = this.#openFolder(path);
      const error = await new Promise((resolve) => fsync(descriptor, resolve));
      closeQuietly(descriptor);
      if (error) throw systemError("sync the folder", path, error);
    } finally {
      this.#descriptors.endTurn();
    }
  }

  #openFolder(path: string): number {
    this.#guard(path, true);
    const flags = constants.O_RDONLY | constants.O_DIRECTORY;
    return this.#descriptors.borrow("open the folder", path, () => openSync(path, flags));
  }

  /** Throws when one of the folders between the root and the path is a link; with `whole`, also when the path itself is. */
  #guard(path: string, whole = NO_FOLLOW === undefined): void {
    const root = this.#root;
    if (root === undefined || !path.startsWith(root)) return;
    for (let end = path.indexOf("/", root.length); end >= 0; end = path.indexOf("/", end + 1)) {
      refuseLink(path.slice(0, end));
    }
    if (whole) refuseLink(path);
  }
}

function refuseLink(path: string): void {
  if (statOf(path)?.kind === "link") throw foundError("go through", path, "ELOOP");
}

/** A pipe or a device would block, or answer without end: only what is a file is opened. */
function mustBeFile(operation: string, path: string, info: FileInfo): void {
  if (info.kind === "link") throw foundError(operation, path, "ELOOP");
  if (info.kind === "folder") throw foundError(operation, path, "EISDIR");
  if (info.kind === "other") throw foundError(operation, path, "ENXIO");
}

function statOf(path: string): FileInfo | undefined {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats && { size: stats.size, modifiedMs: stats.mtimeMs, kind: kindOf(stats) };
  } catch (error) {
    if (hasErrno(error, "ENOTDIR")) return undefined;
    throw systemError("stat", path, error);
  }
}

function kindOf(stats: Stats): FileInfo["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  return stats.isSymbolicLink() ? "link" : "other";
}

function readWhole(path: string): Uint8Array {
  const descriptor = openSync(path, constants.O_RDONLY | (NO_FOLLOW ?? 0), FILE_MODE);
  try {
    const bytes = new Uint8Array(fstatSync(descriptor).size);
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(descriptor, bytes, done, bytes.length - done, done);
      if (count === 0) break;
      done += count;
    }
    return done === bytes.length ? bytes : bytes.slice(0, done);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * With those on the way. Node's own recursion has no end where a folder is missing whose parent is there, and the system will not have it
 * made all the same, as in /proc.
 */
function makeFolders(path: string): void {
  try {
    mkdirSync(path, { mode: FOLDER_MODE });
  } catch (error) {
    if (hasErrno(error, "EEXIST") && statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    const parent = parentOf(path);
    if (!hasErrno(error, "ENOENT") || parent === path || existsSync(parent)) throw error;
    makeFolders(parent);
    makeFolders(path);
  }
}

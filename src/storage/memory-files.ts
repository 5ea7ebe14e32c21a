/**
 * Files in memory: what `open(":memory:")` runs on, and what a crash image is made of.
 *
 * Behaves as DiskFiles does, down to the codes and the causes of its errors; test/storage/files-suite.ts holds both to
 * that. Nothing is ever lost, so syncs do nothing. An open file stays readable when its name goes, as on a Unix system.
 */
import type { Native } from "../native.ts";
import { readAndCheck, sealAndWrite } from "./batch-io.ts";
import { type Clock, systemClock } from "./clock.ts";
import { defaultNative } from "./engine-choice.ts";
import type { File, FileInfo, Files, OpenMode } from "./files.ts";
import { MemoryContent } from "./memory-content.ts";
import { closedError, foundError, readOnlyError } from "./system-error.ts";

export interface MemoryFileNode {
  kind: "file";
  content: MemoryContent;
  modifiedMs: number;
  /** How many names it has. */
  links: number;
}

export interface MemoryFolderNode {
  kind: "folder";
  entries: Map<string, MemoryNode>;
  modifiedMs: number;
}

export type MemoryNode = MemoryFileNode | MemoryFolderNode;

export interface MemoryFilesOptions {
  /** The sum of all file sizes that fits. Without it there is no bound. */
  capacity?: number;
  /** Gives the time of modification. */
  clock?: Pick<Clock, "now">;
  /** The tree to start from, which then belongs to the new object. Without it there is only the empty folder "/". */
  root?: MemoryFolderNode;
  /** Files can be allocated in advance, as on a disk; false when not given, since memory gains nothing by it. */
  allocates?: boolean;
  /** As the environment has it when not given; null for none. */
  native?: Native | null;
}

/** As on the usual file systems. */
const MAX_NAME_BYTES = 255;

export class MemoryFiles implements Files {
  readonly native: Native | undefined;
  readonly root: MemoryFolderNode;
  readonly allocates: boolean;
  readonly #capacity: number;
  readonly #clock: Pick<Clock, "now">;
  #used = 0;

  constructor(options: MemoryFilesOptions = {}) {
    this.native = options.native === undefined ? defaultNative() : (options.native ?? undefined);
    this.allocates = options.allocates ?? false;
    this.#capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.#clock = options.clock ?? systemClock;
    this.root = options.root ?? this.#emptyFolder();
    if (options.root) for (const file of filesBelow(options.root)) this.#used += file.content.size;
  }

  /** The sum of the sizes of all files that have a name. */
  get usedBytes(): number {
    return this.#used;
  }

  /** An independent copy. Cheap: contents are shared until one side writes. */
  clone(clock: Pick<Clock, "now"> = this.#clock, allocates = this.allocates): MemoryFiles {
    const root = cloneFolder(this.root, new Map());
    const { native = null } = this;
    return new MemoryFiles({ capacity: this.#capacity, clock, root, allocates, native });
  }

  /** What lies at the path. */
  nodeAt(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.root;
    for (const name of namesOf(path)) {
      if (node?.kind !== "folder") return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  open(path: string, mode: OpenMode): File {
    let node = this.nodeAt(path);
    if (node && mode === "create") throw foundError("open", path, "EEXIST");
    if (node?.kind === "folder") throw foundError("open", path, "EISDIR");
    if (!node && mode === "read") throw foundError("open", path, "ENOENT");
    if (!node) {
      const { folder, name } = this.#placeOf("open", path);
      node = { kind: "file", content: new MemoryContent(), modifiedMs: this.#clock.now(), links: 0 };
      this.#put(folder, name, node);
    }
    return new MemoryFile(path, node, mode !== "read", this);
  }

  stat(path: string): FileInfo | undefined {
    const node = this.nodeAt(path);
    if (!node) return undefined;
    return { size: node.kind === "file" ? node.content.size : 0, modifiedMs: node.modifiedMs, kind: node.kind };
  }

  list(folder: string): string[] | undefined {
    const node = this.nodeAt(folder);
    return node?.kind === "folder" ? [...node.entries.keys()].sort() : undefined;
  }

  read(path: string): Uint8Array | undefined {
    const node = this.nodeAt(path);
    if (!node) return undefined;
    if (node.kind === "folder") throw foundError("read", path, "EISDIR");
    const bytes = new Uint8Array(node.content.size);
    node.content.read(bytes, 0, bytes.length, 0);
    return bytes;
  }

  makeFolder(path: string): void {
    let folder = this.root;
    for (const name of namesOf(path)) {
      let next = folder.entries.get(name);
      if (next?.kind === "file") throw foundError("make the folder", path, "EEXIST");
      if (!next) {
        checkName("make the folder", path, name);
        next = this.#emptyFolder();
        this.#put(folder, name, next);
      }
      folder = next;
    }
  }

  rename(from: string, to: string): void {
    const source = this.nodeAt(from);
    if (!source) throw foundError("rename", from, "ENOENT", to);
    const old = this.#placeOf("rename", from);
    const place = this.#placeOf("rename", to);
    const target = place.folder.entries.get(place.name);
    // Two names of one file: a rename between them does nothing, and both stay.
    if (source === target) return;
    if (source.kind === "folder" && `${to}/`.startsWith(`${from}/`)) throw foundError("rename", from, "EINVAL", to);
    if (target) this.#replaceable(source, target, from, to);
    if (target) this.#drop(place.folder, place.name);
    this.#put(place.folder, place.name, source);
    this.#drop(old.folder, old.name);
  }

  link(from: string, to: string): boolean {
    const node = this.nodeAt(from);
    if (!node) throw foundError("link", from, "ENOENT", to);
    const { folder, name } = this.#placeOf("link", to);
    if (folder.entries.has(name)) return false;
    if (node.kind === "folder") throw foundError("link", from, "EPERM", to);
    this.#put(folder, name, node);
    return true;
  }

  remove(path: string): void {
    const node = this.nodeAt(path);
    if (!node) return;
    if (node.kind === "folder") throw foundError("remove", path, "EISDIR");
    const { folder, name } = this.#placeOf("remove", path);
    this.#drop(folder, name);
  }

  removeFolder(path: string): void {
    const node = this.nodeAt(path);
    if (!node) return;
    if (node.kind !== "folder") throw foundError("remove the folder", path, "ENOTDIR");
    for (const name of [...node.entries.keys()]) {
      if (node.entries.get(name)?.kind === "folder") this.removeFolder(`${path}/${name}`);
      else this.#drop(node, name);
    }
    const { folder, name } = this.#placeOf("remove the folder", path);
    this.#drop(folder, name);
  }

  async syncFolder(path: string): Promise<void> {
    this.syncFolderNow(path);
  }

  syncFolderNow(path: string): void {
    const node = this.nodeAt(path);
    if (node?.kind !== "folder") throw foundError("sync the folder", path, node ? "ENOTDIR" : "ENOENT");
  }

  /** Takes room for `bytes` more bytes of a file, or gives it back when negative; returns how many fit. For MemoryFile alone. */
  take(node: MemoryFileNode, bytes: number): number {
    node.modifiedMs = this.#clock.now();
    if (node.links === 0) return bytes;
    const taken = bytes <= 0 ? bytes : Math.min(bytes, Math.max(0, this.#capacity - this.#used));
    this.#used += taken;
    return taken;
  }

  #emptyFolder(): MemoryFolderNode {
    return { kind: "folder", entries: new Map(), modifiedMs: this.#clock.now() };
  }

  /** The folder that holds the path, which must be there, and the last name. */
  #placeOf(operation: string, path: string): { folder: MemoryFolderNode; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw foundError(operation, path, "EINVAL");
    checkName(operation, path, name);
    const folder = this.nodeAt(names.join("/"));
    if (folder?.kind !== "folder") throw foundError(operation, path, folder ? "ENOTDIR" : "ENOENT");
    return { folder, name };
  }

  #replaceable(source: MemoryNode, target: MemoryNode, from: string, to: string): void {
    if (source.kind === "file" && target.kind === "folder") throw foundError("rename", from, "EISDIR", to);
    if (source.kind === "folder" && target.kind === "file") throw foundError("rename", from, "ENOTDIR", to);
    if (target.kind === "folder" && target.entries.size > 0) throw foundError("rename", from, "ENOTEMPTY", to);
  }

  #put(folder: MemoryFolderNode, name: string, node: MemoryNode): void {
    folder.entries.set(name, node);
    folder.modifiedMs = this.#clock.now();
    if (node.kind === "file" && node.links++ === 0) this.#used += node.content.size;
  }

  #drop(folder: MemoryFolderNode, name: string): void {
    const node = folder.entries.get(name);
    folder.entries.delete(name);
    folder.modifiedMs = this.#clock.now();
    if (node?.kind === "file" && --node.links === 0) this.#used -= node.content.size;
  }
}

class MemoryFile implements File {
  readonly path: string;
  readonly #node: MemoryFileNode;
  readonly #writable: boolean;
  readonly #files: MemoryFiles;
  #closed = false;

  constructor(path: string, node: MemoryFileNode, writable: boolean, files: MemoryFiles) {
    this.path = path;
    this.#node = node;
    this.#writable = writable;
    this.#files = files;
  }

  get native(): Native | undefined {
    return this.#files.native;
  }

  size(): number {
    return this.#use().size;
  }

  read(into: Uint8Array, at: number, length: number, position: number): number {
    return this.#use().read(into, at, length, position);
  }

  /** When the room is used up, the part that fits stays written, as on a disk. */
  write(from: Uint8Array, at: number, length: number, position: number): void {
    const content = this.#useForWriting();
    const grows = length === 0 ? 0 : Math.max(0, position + length - content.size);
    const taken = this.#files.take(this.#node, grows);
    const fits = length - (grows - taken);
    if (fits > 0) content.write(from, at, fits, position);
    else this.#files.take(this.#node, -taken);
    if (taken < grows) throw foundError("write", this.path, "ENOSPC");
  }

  writeSealed(from: Uint8Array, at: number, length: number, position: number): void {
    sealAndWrite(this, from, at, length, position);
  }

  readBatches(into: Uint8Array, length: number, position: number, verdict: Int32Array): number {
    return readAndCheck(this, into, length, position, verdict);
  }

  truncate(size: number): void {
    const content = this.#useForWriting();
    const grows = size - content.size;
    const taken = this.#files.take(this.#node, grows);
    if (taken < grows) {
      this.#files.take(this.#node, -taken);
      throw foundError("truncate", this.path, "ENOSPC");
    }
    content.truncate(size);
  }

  allocate(size: number): boolean {
    const content = this.#useForWriting();
    if (!this.#files.allocates) return false;
    const grows = Math.max(0, size - content.size);
    const taken = this.#files.take(this.#node, grows);
    if (taken === grows) content.truncate(content.size + grows);
    else this.#files.take(this.#node, -taken);
    return taken === grows;
  }

  async sync(): Promise<void> {
    this.#use();
  }

  syncNow(): void {
    this.#use();
  }

  close(): void {
    this.#closed = true;
  }

  #use(): MemoryContent {
    if (this.#closed) throw closedError(this.path);
    return this.#node.content;
  }

  #useForWriting(): MemoryContent {
    if (!this.#writable) throw readOnlyError(this.path);
    return this.#use();
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

function checkName(operation: string, path: string, name: string): void {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw foundError(operation, path, "ENAMETOOLONG");
}

/** `copies` keeps the names of one file together. */
function cloneFolder(folder: MemoryFolderNode, copies: Map<MemoryFileNode, MemoryFileNode>): MemoryFolderNode {
  const entries = new Map<string, MemoryNode>();
  for (const [name, node] of folder.entries) {
    entries.set(name, node.kind === "folder" ? cloneFolder(node, copies) : cloneFile(node, copies));
  }
  return { kind: "folder", entries, modifiedMs: folder.modifiedMs };
}

function cloneFile(file: MemoryFileNode, copies: Map<MemoryFileNode, MemoryFileNode>): MemoryFileNode {
  if (file.links === 1) return { ...file, content: file.content.clone() };
  const copy = copies.get(file) ?? { ...file, content: file.content.clone() };
  copies.set(file, copy);
  return copy;
}

function filesBelow(folder: MemoryFolderNode, found = new Set<MemoryFileNode>()): Set<MemoryFileNode> {
  for (const node of folder.entries.values()) {
    if (node.kind === "folder") filesBelow(node, found);
    else found.add(node);
  }
  return found;
}

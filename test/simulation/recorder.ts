/**
 * Files in memory that write down everything that is done to them.
 *
 * Calls that are several steps on a real disk (a folder made with those above it, a folder removed with all in it) are
 * several entries, so that a crash can come between them. A sync takes a turn of the event loop, so that other calls come
 * while it runs. The rules of Files that a disk here and there forgives are enforced: what is renamed or removed may not
 * be open.
 */
import { readAndCheck, sealAndWrite } from "../../src/storage/batch-io.ts";
import type { Clock } from "../../src/storage/clock.ts";
import type { File, FileInfo, Files, OpenMode } from "../../src/storage/files.ts";
import { MemoryFiles, type MemoryNode } from "../../src/storage/memory-files.ts";
import { join, nameOf, parentOf } from "../../src/storage/paths.ts";
import { systemError } from "../../src/storage/system-error.ts";
import type { Entry, Happening, Journal, NodeId, StartState } from "./journal.ts";

export interface RecordingOptions {
  clock: Pick<Clock, "now">;
  /** What is on the disk at first, all of it durable; copied. An empty root when not given. */
  base?: MemoryFiles;
  /** As with MemoryFiles. */
  allocates?: boolean;
  /** Asked at each sync of a file or a folder, with the count of syncs so far: whether it fails, with EIO. */
  failSync?: (path: string, count: number) => boolean;
}

export class RecordingFiles implements Files {
  readonly journal: Journal;
  readonly #memory: MemoryFiles;
  readonly #clock: Pick<Clock, "now">;
  readonly #failSync: (path: string, count: number) => boolean;
  readonly #ids = new WeakMap<MemoryNode, NodeId>();
  readonly #open = new Map<NodeId, number>();
  #nodes = 0;
  #syncs = 0;

  constructor(options: RecordingOptions) {
    this.#clock = options.clock;
    this.#failSync = options.failSync ?? (() => false);
    this.#memory = (options.base ?? new MemoryFiles()).clone(options.clock, options.allocates);
    this.journal = { start: this.#startState(), startMs: this.#clock.now(), entries: [] };
  }

  get native(): Files["native"] {
    return this.#memory.native;
  }

  /** Notes that the workload was promised something: what an image is checked against. */
  ack(fact: unknown): void {
    this.#note({ type: "ack", fact }, "");
  }

  open(path: string, mode: OpenMode): File {
    const isNew = this.#memory.nodeAt(path) === undefined;
    const inner = this.#memory.open(path, mode);
    const node = this.#idAt(path);
    if (isNew) this.#noteName("create", path, node, "file");
    this.#open.set(node, (this.#open.get(node) ?? 0) + 1);
    return new RecordedFile(inner, node, this);
  }

  stat(path: string): FileInfo | undefined {
    return this.#memory.stat(path);
  }

  list(folder: string): string[] | undefined {
    return this.#memory.list(folder);
  }

  read(path: string): Uint8Array | undefined {
    return this.#memory.read(path);
  }

  makeFolder(path: string): void {
    if (this.#memory.nodeAt(path) === undefined) {
      this.makeFolder(parentOf(path));
      this.#memory.makeFolder(path);
      this.#noteName("makeFolder", path, this.#idAt(path), "folder");
    } else {
      this.#memory.makeFolder(path);
    }
  }

  rename(from: string, to: string): void {
    const source = this.#memory.nodeAt(from);
    const isNothing = source !== undefined && source === this.#memory.nodeAt(to);
    this.#mustBeClosed("rename", from);
    this.#mustBeClosed("rename over", to);
    this.#memory.rename(from, to);
    if (isNothing) return;
    const set = { folder: this.#idAt(parentOf(to)), name: nameOf(to), node: this.#idAt(to) };
    const unset = { folder: this.#idAt(parentOf(from)), name: nameOf(from), node: undefined };
    this.#note({ type: "names", call: "rename", edits: [unset, set] }, `${from} to ${to}`);
  }

  link(from: string, to: string): boolean {
    const made = this.#memory.link(from, to);
    if (made) this.#noteName("link", to, this.#idAt(to));
    return made;
  }

  remove(path: string): void {
    const isThere = this.#memory.nodeAt(path) !== undefined;
    this.#mustBeClosed("remove", path);
    this.#memory.remove(path);
    if (isThere) this.#noteName("remove", path, undefined);
  }

  removeFolder(path: string): void {
    for (const name of this.#memory.list(path) ?? []) {
      const below = join(path, name);
      if (this.#memory.stat(below)?.kind === "folder") this.removeFolder(below);
      else this.remove(below);
    }
    const isThere = this.#memory.nodeAt(path) !== undefined;
    this.#memory.removeFolder(path);
    if (isThere) this.#noteName("removeFolder", path, undefined);
  }

  async syncFolder(path: string): Promise<void> {
    // Throws when there is no such folder; does nothing else.
    this.#memory.syncFolderNow(path);
    const end = this.startSync(this.#idAt(path), path);
    await turn();
    end();
  }

  syncFolderNow(path: string): void {
    this.#memory.syncFolderNow(path);
    this.startSync(this.#idAt(path), path)();
  }

  // What follows is for RecordedFile.

  written(node: NodeId, path: string, position: number, bytes: Uint8Array): void {
    this.#note({ type: "write", node, position, bytes }, path);
  }

  truncated(node: NodeId, path: string, size: number): void {
    this.#note({ type: "truncate", node, size }, path);
  }

  closed(node: NodeId): void {
    this.#open.set(node, (this.#open.get(node) ?? 0) - 1);
  }

  /**
   * Notes the start; the returned call notes the end, and throws when this one is to fail. One that fails when its file was let
   * go, by a killed process as a rule, has no end: nobody was told, so that nobody can be asked to remember. It covers nothing,
   * and what it should have covered the next owner's sync does.
   */
  startSync(node: NodeId, path: string): (isLetGo?: boolean) => void {
    const sync = this.#syncs++;
    const fails = this.#failSync(path, sync);
    this.#note({ type: "syncStart", node, sync }, path);
    return (isLetGo = false) => {
      if (!fails || !isLetGo) this.#note({ type: fails ? "syncFailed" : "syncEnd", sync }, path);
      if (fails) throw systemError("sync", path, Object.assign(new Error("EIO: i/o error"), { code: "EIO" }));
    };
  }

  #note(happening: Happening, path: string): void {
    this.journal.entries.push({ ...happening, at: this.#clock.now(), path } as Entry);
  }

  #noteName(
    call: "create" | "makeFolder" | "link" | "remove" | "removeFolder",
    path: string,
    node: NodeId | undefined,
    kind?: "file" | "folder",
  ): void {
    const edits = [{ folder: this.#idAt(parentOf(path)), name: nameOf(path), node }];
    const made = node !== undefined && kind ? { node, kind } : undefined;
    this.#note({ type: "names", call, edits, made }, path);
  }

  /** Also what lies below a folder. */
  #mustBeClosed(operation: string, path: string): void {
    const node = this.#memory.nodeAt(path);
    if (!node) return;
    if (node.kind === "folder") {
      for (const name of node.entries.keys()) this.#mustBeClosed(operation, join(path, name));
    } else if ((this.#open.get(this.#idOf(node)) ?? 0) > 0) {
      throw new Error(`cannot ${operation} ${path}: it is open, which Files does not allow`);
    }
  }

  #idAt(path: string): NodeId {
    return this.#idOf(this.#memory.nodeAt(path)!);
  }

  #idOf(node: MemoryNode): NodeId {
    const known = this.#ids.get(node);
    if (known !== undefined) return known;
    this.#ids.set(node, this.#nodes);
    return this.#nodes++;
  }

  #startState(): StartState {
    const state: StartState = { root: this.#idOf(this.#memory.root), files: new Map(), folders: new Map() };
    const visit = (node: MemoryNode) => {
      const id = this.#idOf(node);
      if (node.kind === "file") {
        state.files.set(id, { content: node.content.clone(), modifiedMs: node.modifiedMs });
        return;
      }
      state.folders.set(id, new Map([...node.entries].map(([name, below]) => [name, this.#idOf(below)])));
      for (const below of node.entries.values()) visit(below);
    };
    visit(this.#memory.root);
    return state;
  }
}

class RecordedFile implements File {
  readonly #file: File;
  readonly #node: NodeId;
  readonly #files: RecordingFiles;
  #closed = false;

  constructor(file: File, node: NodeId, files: RecordingFiles) {
    this.#file = file;
    this.#node = node;
    this.#files = files;
  }

  get path(): string {
    return this.#file.path;
  }

  get native(): Files["native"] {
    return this.#file.native;
  }

  size(): number {
    return this.#file.size();
  }

  read(into: Uint8Array, at: number, length: number, position: number): number {
    return this.#file.read(into, at, length, position);
  }

  write(from: Uint8Array, at: number, length: number, position: number): void {
    this.#file.write(from, at, length, position);
    // A Buffer's own `slice` would not copy.
    const bytes = new Uint8Array(from.subarray(at, at + length));
    if (length > 0) this.#files.written(this.#node, this.path, position, bytes);
  }

  writeSealed(from: Uint8Array, at: number, length: number, position: number): void {
    sealAndWrite(this, from, at, length, position);
  }

  readBatches(into: Uint8Array, length: number, position: number, verdict: Int32Array): number {
    return readAndCheck(this, into, length, position, verdict);
  }

  truncate(size: number): void {
    this.#file.truncate(size);
    this.#files.truncated(this.#node, this.path, size);
  }

  /** To a disk it is a longer file, as by truncate. */
  allocate(size: number): boolean {
    const grows = size > this.#file.size();
    const isAllocated = this.#file.allocate(size);
    if (isAllocated && grows) this.#files.truncated(this.#node, this.path, size);
    return isAllocated;
  }

  async sync(): Promise<void> {
    // Throws when the file is closed; does nothing else.
    this.#file.syncNow();
    const end = this.#files.startSync(this.#node, this.path);
    await turn();
    end(this.#closed);
  }

  syncNow(): void {
    this.#file.syncNow();
    this.#files.startSync(this.#node, this.path)();
  }

  close(): void {
    this.#file.close();
    if (!this.#closed) this.#files.closed(this.#node);
    this.#closed = true;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * What of a journal is on the disk for certain, and what may or may not be.
 *
 * The model is pessimistic, more than any one file system is:
 *   - the content of a file is durable by a sync of the file, its names by a sync of the folders that hold them;
 *   - a sync covers what came before its start, once it has ended; one that failed covers nothing, and nor does any
 *     later one cover what it should have;
 *   - of the rest, any subset may survive a machine's death, in any mixture of files and folders;
 *   - a rename survives as a whole, or not at all, until one of its two folders is synced;
 *   - a file or folder that no surviving name leads to is gone, with all below it.
 */
import type { Clock } from "../../src/storage/clock.ts";
import { MemoryContent } from "../../src/storage/memory-content.ts";
import { type MemoryFileNode, MemoryFiles, type MemoryFolderNode } from "../../src/storage/memory-files.ts";
import type { Entry, Journal, NameEdit, NodeId } from "./journal.ts";

type ContentEntry = Extract<Entry, { type: "write" | "truncate" }>;

/** One change of one node. Those of one entry have its index as their group. */
interface Item {
  group: number;
  node: NodeId;
  change: ContentEntry | NameEdit;
  state: "pending" | "durable" | "doomed";
}

/** What of a write reached the disk: these parts of its bytes; the file has grown to `end` in any case. */
export interface Tear {
  parts: [from: number, to: number][];
  end: number;
  /** Stand there instead of those that were written. */
  bytes?: Uint8Array;
}

/** How an entry that no sync covers came through: wholly, not at all, or (a write) in part. */
export type Fate = boolean | Tear;

interface FileState {
  content: MemoryContent;
  modifiedMs: number;
}

export class DiskModel {
  readonly #root: NodeId;
  readonly #files: Map<NodeId, FileState>;
  readonly #folders: Map<NodeId, Map<string, NodeId>>;
  #items: Item[] = [];
  readonly #syncs = new Map<number, { node: NodeId; start: number }>();
  readonly #entries: Entry[];
  #point = 0;

  constructor(journal: Journal) {
    this.#entries = journal.entries;
    this.#root = journal.start.root;
    this.#files = new Map(
      [...journal.start.files].map(([id, file]) => [id, { ...file, content: file.content.clone() }]),
    );
    this.#folders = new Map([...journal.start.folders].map(([id, names]) => [id, new Map(names)]));
  }

  /** How many entries have happened. */
  get point(): number {
    return this.#point;
  }

  /** Lets the entries up to the point happen. Time does not go back. */
  advanceTo(point: number): void {
    while (this.#point < point) this.#happen(this.#entries[this.#point], this.#point++);
  }

  /** The indexes of the entries that a machine's death may undo, in order. */
  unsynced(): number[] {
    const groups = new Set<number>();
    for (const item of this.#items) if (item.state !== "durable") groups.add(item.group);
    return [...groups];
  }

  /** The disk after a crash in which each unsynced entry had the given fate. */
  image(fateOf: (index: number) => Fate, clock: Pick<Clock, "now">): MemoryFiles {
    const files = new Map<NodeId, FileState>();
    const folders = new Map<NodeId, Map<string, NodeId>>();
    for (const item of this.#items) {
      const fate = item.state === "durable" || fateOf(item.group);
      if (fate === false) continue;
      if ("folder" in item.change)
        edit(
          own(folders, this.#folders, item.node, (names) => new Map(names)),
          item.change,
        );
      else change(own(files, this.#files, item.node, cloneFile), item.change, fate);
    }
    const nodes = new Map<NodeId, MemoryFileNode>();
    const build = (id: NodeId): MemoryFolderNode => {
      const entries: MemoryFolderNode["entries"] = new Map();
      for (const [name, node] of folders.get(id) ?? this.#folders.get(id)!) {
        if (this.#folders.has(node)) {
          entries.set(name, build(node));
          continue;
        }
        const file = nodes.get(node) ?? fileNode(files.get(node) ?? cloneFile(this.#files.get(node)!));
        nodes.set(node, file);
        file.links++;
        entries.set(name, file);
      }
      return { kind: "folder", entries, modifiedMs: clock.now() };
    };
    return new MemoryFiles({ clock, root: build(this.#root) });
  }

  #happen(entry: Entry, index: number): void {
    switch (entry.type) {
      case "write":
      case "truncate":
        this.#items.push({ group: index, node: entry.node, change: entry, state: "pending" });
        return;
      case "names":
        if (entry.made?.kind === "file") {
          this.#files.set(entry.made.node, { content: new MemoryContent(), modifiedMs: entry.at });
        }
        if (entry.made?.kind === "folder") this.#folders.set(entry.made.node, new Map());
        for (const change of entry.edits) {
          this.#items.push({ group: index, node: change.folder, change, state: "pending" });
        }
        return;
      case "syncStart":
        this.#syncs.set(entry.sync, { node: entry.node, start: index });
        return;
      case "syncEnd":
        this.#settle(entry.sync, "durable");
        return;
      case "syncFailed":
        this.#settle(entry.sync, "doomed");
    }
  }

  /** What one folder's sync makes durable of a rename between two may leave both names, or none: so pessimistic are we. */
  #settle(sync: number, state: "durable" | "doomed"): void {
    const { node, start } = this.#syncs.get(sync)!;
    this.#syncs.delete(sync);
    for (const item of this.#items) {
      if (item.node === node && item.group < start && item.state === "pending") item.state = state;
    }
    if (state === "durable") this.#fold(node);
  }

  /** Takes a node's durable changes out of the list, as far as no doomed or pending one comes before them. */
  #fold(node: NodeId): void {
    let blocked = false;
    this.#items = this.#items.filter((item) => {
      if (item.node !== node || blocked) return true;
      blocked = item.state !== "durable";
      if (blocked) return true;
      if ("folder" in item.change) edit(this.#folders.get(node)!, item.change);
      else change(this.#files.get(node)!, item.change, true);
      return false;
    });
  }
}

/** The copy of a node's state that an image may change. */
function own<T>(copies: Map<NodeId, T>, originals: Map<NodeId, T>, node: NodeId, clone: (original: T) => T): T {
  let copy = copies.get(node);
  if (copy === undefined) {
    copy = clone(originals.get(node)!);
    copies.set(node, copy);
  }
  return copy;
}

function cloneFile(file: FileState): FileState {
  return { content: file.content.clone(), modifiedMs: file.modifiedMs };
}

function fileNode(file: FileState): MemoryFileNode {
  return { kind: "file", content: file.content, modifiedMs: file.modifiedMs, links: 0 };
}

function edit(names: Map<string, NodeId>, { name, node }: NameEdit): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

function change(file: FileState, entry: ContentEntry, fate: true | Tear): void {
  file.modifiedMs = entry.at;
  if (entry.type === "truncate") file.content.truncate(entry.size);
  else if (fate === true) file.content.write(entry.bytes, 0, entry.bytes.length, entry.position);
  else writeTorn(file.content, entry.bytes, entry.position, fate);
}

function writeTorn(content: MemoryContent, bytes: Uint8Array, position: number, tear: Tear): void {
  const found = tear.bytes ?? bytes;
  for (const [from, to] of tear.parts) content.write(found, from, to - from, position + from);
  if (content.size < tear.end) content.truncate(tear.end);
}

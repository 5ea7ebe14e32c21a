/**
 * What a workload did to its files, in order: the input of every crash image.
 *
 * A file and a folder are nodes with a number, as inodes are; names are entries of folders that lead to nodes. A rename is
 * two such edits in one entry, which survives a crash as a whole.
 */
import type { MemoryContent } from "../../src/storage/memory-content.ts";

export type NodeId = number;

/** The folder's entry `name` leads to `node` from now on, or is gone. */
export interface NameEdit {
  folder: NodeId;
  name: string;
  node: NodeId | undefined;
}

/** One change of names, and the node that came into being with it. */
export interface NamesEntry {
  type: "names";
  call: "create" | "makeFolder" | "rename" | "link" | "remove" | "removeFolder";
  edits: NameEdit[];
  made?: { node: NodeId; kind: "file" | "folder" };
}

export type Happening =
  | NamesEntry
  | { type: "write"; node: NodeId; position: number; bytes: Uint8Array }
  | { type: "truncate"; node: NodeId; size: number }
  /** Of a file or a folder. Covers what came before it, and takes effect at the "syncEnd" of the same number. */
  | { type: "syncStart"; node: NodeId; sync: number }
  | { type: "syncEnd"; sync: number }
  /** What it would have covered is marked clean all the same: no later sync covers it. */
  | { type: "syncFailed"; sync: number }
  | { type: "ack"; fact: unknown };

/** `at` is the wall clock; `path` is for people. */
export type Entry = Happening & { at: number; path: string };

/** The tree that the workload began with, all of it durable. */
export interface StartState {
  root: NodeId;
  files: Map<NodeId, { content: MemoryContent; modifiedMs: number }>;
  folders: Map<NodeId, Map<string, NodeId>>;
}

export interface Journal {
  start: StartState;
  startMs: number;
  entries: Entry[];
}

/** Whether the disk, or what of it is durable, differs before and after the entry. */
export function changesDisk(entry: Entry): boolean {
  return entry.type !== "ack" && entry.type !== "syncStart";
}

export function describeEntry(entry: Entry): string {
  switch (entry.type) {
    case "names":
      return `${entry.call} ${entry.path}`;
    case "write":
      return `write ${entry.bytes.length} bytes at ${entry.position} of ${entry.path}`;
    case "truncate":
      return `truncate ${entry.path} to ${entry.size}`;
    case "ack":
      return `ack ${JSON.stringify(entry.fact)}`;
    default:
      return `${entry.type} ${entry.sync} of ${entry.path}`;
  }
}

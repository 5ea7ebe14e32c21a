/**
 * The file system as a log needs it: the one seam between varve and the disk.
 *
 * Everything that storage/ and engine/ do to files goes through these two interfaces, so that memory files, crash images
 * and fault injection see every write, sync, rename, truncate and delete. Calls are synchronous except the two kinds of
 * sync, which may take long. Every failure is a VarveError with the system's error as its cause.
 */
import type { RecordCopies } from "../format/record-copies.ts";
import type { Native } from "../native.ts";

export interface FileInfo {
  size: number;
  modifiedMs: number;
  kind: "file" | "folder" | "link" | "other";
}

/** "read": must exist. "write": read and write, made when missing. "create": like "write", but must not exist yet. */
export type OpenMode = "read" | "write" | "create";

export interface Files {
  /** The native module that works on these files and what is in them; undefined where TypeScript does it all. */
  readonly native: Native | undefined;
  open(path: string, mode: OpenMode): File;
  /** What lies at the path, links not followed; undefined when nothing does. */
  stat(path: string): FileInfo | undefined;
  /** The names in a folder, sorted; undefined when there is no such folder. */
  list(folder: string): string[] | undefined;
  /** A whole (small) file; undefined when it is missing. */
  read(path: string): Uint8Array | undefined;
  /** Makes the folder and the missing ones above it. Mode 0700. */
  makeFolder(path: string): void;
  /** Atomic; replaces `to`. Neither may be open. */
  rename(from: string, to: string): void;
  /** A second name for the file; false when `to` is taken. */
  link(from: string, to: string): boolean;
  /** Removes a file; no error when it is missing. It may not be open. */
  remove(path: string): void;
  /** Removes a folder and all in it; no error when it is missing. */
  removeFolder(path: string): void;
  /** Makes the names in a folder durable, off the event loop. A no-op on Windows, which has no such call. */
  syncFolder(path: string): Promise<void>;
  syncFolderNow(path: string): void;
}

export interface File {
  readonly path: string;
  /** That of its Files. */
  readonly native: Native | undefined;
  size(): number;
  /** Reads up to `length` bytes at `position` into `into` at `at`; returns how many (fewer only at the end of the file). */
  read(into: Uint8Array, at: number, length: number, position: number): number;
  /** Writes exactly `length` bytes of `from`, starting at `at`, to `position`; a short write is an error. */
  write(from: Uint8Array, at: number, length: number, position: number): void;
  /** The same for a batch, whose checksum is put into its header just before. */
  writeSealed(from: Uint8Array, at: number, length: number, position: number): void;
  /**
   * Reads up to `length` bytes at `position` to the start of `into`; returns how many. `verdict[0]` says how far from the start
   * they are known to be whole batches with nothing wrong in them: what lies behind is the caller's to check, also all of it.
   */
  readBatches(into: Uint8Array, length: number, position: number, verdict: Int32Array): number;
  /**
   * Looks a record up in place and copies it out, as its slip asks: the size, or an answer of format/record-copies.ts. Only files that can
   * be mapped have it: everywhere else, and wherever it is IN_DOUBT, a batch is read and looked at in TypeScript.
   */
  findRecord?(copies: RecordCopies): number;
  truncate(size: number): void;
  /**
   * Makes the file `size` bytes long, if it is shorter, with blocks for all of the new ones, which are zeros: writes to them find room, and
   * small batches are copied there faster. False, and nothing has changed, where the system has no such thing, or no room.
   */
  allocate(size: number): boolean;
  /** fdatasync off the event loop. Covers the writes that returned before the call. */
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}

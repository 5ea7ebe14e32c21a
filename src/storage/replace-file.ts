/**
 * Replaces a small file as a whole: after any crash the path holds the old bytes or the new ones, never a mixture, and
 * the new ones once the call has returned.
 *
 *   write path.tmp → sync it → rename it to path → sync the folder
 *
 * Calls for the same path run one after the other, since they share the name path.tmp.
 */
import type { Files } from "./files.ts";
import { parentOf, temporaryPath } from "./paths.ts";

const running = new WeakMap<Files, Map<string, Promise<void>>>();

export async function replaceFile(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const queue = running.get(files) ?? new Map<string, Promise<void>>();
  running.set(files, queue);
  const before = queue.get(path) ?? Promise.resolve();
  const mine = before.then(
    () => replaceNow(files, path, bytes),
    () => replaceNow(files, path, bytes),
  );
  queue.set(path, mine);
  try {
    await mine;
  } finally {
    if (queue.get(path) === mine) queue.delete(path);
  }
}

/** The same on the calling thread, for a path that nobody else replaces meanwhile. */
export function replaceFileNow(files: Files, path: string, bytes: Uint8Array): void {
  const temporary = temporaryPath(path);
  try {
    files.remove(temporary);
    const file = files.open(temporary, "create");
    try {
      file.write(bytes, 0, bytes.length, 0);
      file.syncNow();
    } finally {
      file.close();
    }
    files.rename(temporary, path);
  } catch (error) {
    removeQuietly(files, temporary);
    throw error;
  }
  files.syncFolderNow(parentOf(path));
}

/** The same, but for the sync of the folder, which is the caller's: one for all the files of a folder that is being made. */
export async function placeFile(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await writeSynced(files, temporary, bytes);
    files.rename(temporary, path);
  } catch (error) {
    removeQuietly(files, temporary);
    throw error;
  }
}

async function replaceNow(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  await placeFile(files, path, bytes);
  await files.syncFolder(parentOf(path));
}

async function writeSynced(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  // A crash may have left one behind.
  files.remove(path);
  const file = files.open(path, "create");
  try {
    file.write(bytes, 0, bytes.length, 0);
    await file.sync();
  } finally {
    file.close();
  }
}

/** Gives the room back. The first error is the one that counts. */
function removeQuietly(files: Files, path: string): void {
  try {
    files.remove(path);
  } catch {
    // It stays until the next call, which removes it first.
  }
}

/**
 * A unix socket's file outlives a process that was killed, and nobody can listen there again before it is gone. It is taken
 * away only when it is a socket and whoever had it no longer answers.
 */
import { existsSync, lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";

/** Whether the folder is there in which the socket is to be: the system says EACCES where it is not. */
export function hasFolder(path: string): boolean {
  return existsSync(dirname(path));
}

/** Whether there was one, which is gone now. */
export async function removeStaleSocket(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true || !(await isDead(path))) return false;
  unlinkSync(path);
  return true;
}

function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}

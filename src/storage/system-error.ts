/**
 * The system's errors as varve's: one table from errno to code, one form of message.
 *
 * Disk and memory files both throw through here, so that a caller cannot tell them apart by their errors.
 */
import { type ErrorCode, VarveError } from "../errors.ts";

/** What is not in here is VARVE_IO. */
const CODES: Record<string, ErrorCode> = {
  ENOSPC: "VARVE_NO_SPACE",
  EDQUOT: "VARVE_NO_SPACE",
  EIO: "VARVE_IO",
  EMFILE: "VARVE_TOO_MANY_FILES",
  ENFILE: "VARVE_TOO_MANY_FILES",
  EFBIG: "VARVE_FILE_TOO_LARGE",
  EROFS: "VARVE_ACCESS",
  EACCES: "VARVE_ACCESS",
  EPERM: "VARVE_ACCESS",
  ELOOP: "VARVE_ACCESS",
};

/** The words for failures that no system call reported: those of memory files, and those that are found by looking. */
const WORDS = {
  ENOENT: "no such file or directory",
  EEXIST: "file already exists",
  EISDIR: "illegal operation on a directory",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  EINVAL: "invalid argument",
  EPERM: "operation not permitted",
  ENAMETOOLONG: "name too long",
  ENOSPC: "no space left on device",
  ELOOP: "it is a symbolic link, and links are not followed",
  ENXIO: "neither a file nor a folder",
  ESTALE: "another file has taken its place while it was open",
} as const;

/** "cannot open /data/topics.json: EACCES: permission denied", with the place and the cause. */
export function systemError(operation: string, path: string, cause: unknown, to?: string): VarveError {
  const { code = "", message, syscall } = cause as NodeJS.ErrnoException;
  // Node appends ", open '/data/topics.json'" to the system's words; the operation and the path are there already.
  const tail = syscall === undefined ? -1 : message.indexOf(`, ${syscall}`);
  const words = tail < 0 ? message : message.slice(0, tail);
  const what = to === undefined ? path : `${path} to ${to}`;
  return new VarveError(CODES[code] ?? "VARVE_IO", `cannot ${operation} ${what}: ${words}`, { file: path, cause });
}

/** The same for a failure that no system call reported. */
export function foundError(operation: string, path: string, code: keyof typeof WORDS, to?: string): VarveError {
  return systemError(operation, path, Object.assign(new Error(`${code}: ${WORDS[code]}`), { code }), to);
}

export function closedError(path: string): VarveError {
  return new VarveError("VARVE_CLOSED", `the file ${path} is closed`, { file: path });
}

export function readOnlyError(path: string): VarveError {
  return new VarveError("VARVE_ACCESS", `the file ${path} was opened for reading only`, { file: path });
}

/** Whether an error is, or was caused by, the system's error of that code. */
export function hasErrno(error: unknown, ...codes: string[]): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return codes.includes(String(code)) || codes.includes(String(cause?.code));
}

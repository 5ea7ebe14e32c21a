/** What is wrong with a file: the line that dump and verify print for it. */
import { type ErrorCode, VarveError } from "../errors.ts";

export interface Problem {
  file: string;
  position: number;
  error: string;
  code: ErrorCode;
}

/** A thrown error as a line. What is no VarveError is a mistake of ours and goes on. */
export function problemOf(error: unknown, file: string, position = 0): Problem {
  if (!(error instanceof VarveError)) throw error;
  return { file, position, error: error.message, code: error.code };
}

export function corruption(file: string, position: number, error: string): Problem {
  return { file, position, error, code: "VARVE_CORRUPT" };
}

export function formatProblem({ file, position, error, code }: Problem): string {
  return `${file}:${position}: ${error} (${code})`;
}

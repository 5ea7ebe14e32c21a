/** The two ways in which compressed bytes are refused. Both are VARVE_CORRUPT: no writer makes such a batch. */
import { VarveError } from "../errors.ts";

export function damaged(codec: string, what: string, cause?: unknown): VarveError {
  return new VarveError("VARVE_CORRUPT", `the ${codec} data is damaged: ${what}`, { cause });
}

export function tooLarge(codec: string, maxBytes: number): VarveError {
  return new VarveError("VARVE_CORRUPT", `the ${codec} data decompresses to more than the ${maxBytes} bytes allowed`);
}

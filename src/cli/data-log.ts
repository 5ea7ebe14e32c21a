/** A log for as long as a command needs it. */
import { existsSync } from "node:fs";
import { hasCode, type OpenOptions, open, VarveError, type VarveLog } from "../index.ts";

/** Opens the directory, and closes it when `use` is through, however that ends. A directory is never made unless asked for. */
export async function withLog<T>(dir: string, options: OpenOptions, use: (log: VarveLog) => Promise<T>): Promise<T> {
  const log = await openLog(dir, { create: false, ...options });
  let result: T;
  try {
    result = await use(log);
  } catch (error) {
    // The first error is the one to tell.
    await log.close().catch(() => {});
    throw error;
  }
  await log.close();
  return result;
}

/** Says what to do where there is no directory. */
export async function openLog(dir: string, options: OpenOptions): Promise<VarveLog> {
  try {
    return await open(dir, options);
  } catch (error) {
    if (!hasCode(error, "VARVE_NOT_FOUND") || existsSync(dir)) throw error;
    const advice = "--dir names another one, and varve topics create makes one";
    throw new VarveError("VARVE_NOT_FOUND", `${(error as Error).message}: ${advice}`, { cause: error });
  }
}

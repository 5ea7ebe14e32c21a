/** A log for as long as a command needs it. */
import { type OpenOptions, open, type VarveLog } from "../index.ts";

/** Opens the directory, and closes it when `use` is through, however that ends. A directory is never made unless asked for. */
export async function withLog<T>(dir: string, options: OpenOptions, use: (log: VarveLog) => Promise<T>): Promise<T> {
  const log = await open(dir, { create: false, ...options });
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

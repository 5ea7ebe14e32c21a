/**
 * Closes a data directory: every log synced and closed, checkpoints, the clean marker, and last the lock.
 *
 * The marker is only written where all of it went well. Where a sync has failed the lock goes without a marker: the next
 * open trusts nothing past the recovery points. Where time runs out the lock stays, stale, and says that the page cache
 * still has everything.
 */
import { VarveError } from "../errors.ts";
import { formatCleanShutdown } from "../format/checkpoints.ts";
import { CLEAN_SHUTDOWN, join } from "../storage/paths.ts";
import { replaceFile } from "../storage/replace-file.ts";
import { forEachAtOnce } from "./at-once.ts";
import type { DataDirectory } from "./data-directory.ts";

const CONCURRENT_CLOSES = 8;

/** `stopped`: the periodic work has ended. */
export async function closeDirectory(dir: DataDirectory, stopped: Promise<void>, timeoutMs: number): Promise<void> {
  const attempt = { isGivenUp: false };
  let cancel = () => {};
  const timeout = new Promise<"timeout">((resolve) => {
    cancel = dir.clock.schedule(timeoutMs, () => resolve("timeout"));
  });
  try {
    const failures = await Promise.race([closeInOrder(dir, stopped, attempt), timeout]);
    if (failures === "timeout") throw await giveUp(dir, attempt, timeoutMs);
    if (failures.length > 0) throw failures[0];
  } finally {
    cancel();
  }
}

/** Returns what failed and was not told before. */
async function closeInOrder(
  dir: DataDirectory,
  stopped: Promise<void>,
  attempt: { isGivenUp: boolean },
): Promise<unknown[]> {
  const failures: unknown[] = [];
  await stopped;
  await dir.topicSet.settled();
  await closePartitions(dir, failures);
  if (dir.readOnly || attempt.isGivenUp) return failures;
  try {
    await dir.checkpoint();
    if (failures.length === 0 && isWhole(dir) && !attempt.isGivenUp) {
      await replaceFile(dir.files, join(dir.path, CLEAN_SHUTDOWN), formatCleanShutdown());
    }
  } catch (error) {
    failures.push(error);
  }
  if (!attempt.isGivenUp) dir.lock?.release();
  return failures;
}

async function closePartitions(dir: DataDirectory, failures: unknown[]): Promise<void> {
  await forEachAtOnce(CONCURRENT_CLOSES, dir.topicSet.partitions(), async (partition) => {
    try {
      await partition.close();
    } catch (error) {
      partition.closeNow();
      // A failed sync was told when it happened.
      if (!partition.poisoned) failures.push(error);
    }
  });
}

/** Whether the next open may take the files as they are. */
function isWhole(dir: DataDirectory): boolean {
  for (const partition of dir.topicSet.partitions()) {
    const isUnrecovered = !partition.isReady && dir.openReport.lastClose !== "clean";
    if (partition.poisoned || isUnrecovered) return false;
  }
  return true;
}

async function giveUp(dir: DataDirectory, attempt: { isGivenUp: boolean }, timeoutMs: number): Promise<VarveError> {
  attempt.isGivenUp = true;
  for (const partition of dir.topicSet.partitions()) partition.closeNow();
  await dir.lock?.abandon();
  return new VarveError(
    "VARVE_TIMEOUT",
    `the log could not be closed within ${timeoutMs} ms; the next open recovers it`,
  );
}

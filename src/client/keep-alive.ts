/**
 * Keeps the process alive while somebody waits for the log: a consumer for its next record, a send for the end of its
 * linger. The log's own timers don't: without this an application that only consumes would end at its first wait.
 *
 * One timer for all who wait, which counts only while there are any. It stays when nobody waits: a consumer waits and is woken
 * with every append, and to make a timer takes longer than the append.
 */

let holders = 0;
let handle: NodeJS.Timeout | undefined;

/** The longest that a timer can be. */
const MAX_DELAY_MS = 0x7fffffff;

export function holdProcess(): void {
  if (holders++ > 0) return;
  handle ??= setInterval(() => {}, MAX_DELAY_MS);
  handle.ref();
}

export function releaseProcess(): void {
  if (--holders > 0) return;
  handle?.unref();
}

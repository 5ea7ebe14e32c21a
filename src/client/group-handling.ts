/**
 * What a run does with a record that it has in hand: tries it, tries it again later, and in the end puts it aside.
 *
 * A dead letter has the record's key, value and headers as they were, and tells in headers of its own where it comes from and
 * what was wrong with it.
 */
import type { Clock } from "../storage/clock.ts";
import type { RetryOptions } from "./group-options.ts";
import type { Producer } from "./producer.ts";
import type { HeaderValue, TopicReference } from "./producer-record.ts";
import type { ConsumerRecord } from "./record.ts";

/** The headers that a record has in a dead letter topic: what was wrong with it, and where it came from. */
export const DEAD_LETTER_HEADERS = {
  error: "dead-letter.error",
  topic: "dead-letter.topic",
  partition: "dead-letter.partition",
  offset: "dead-letter.offset",
  timestamp: "dead-letter.timestamp",
} as const;

/** The run is to stop before this could be done: it is not processed. */
export class Stopped extends Error {}

/** Resolves when `work` has succeeded; throws its last error, or `Stopped` while it waits for another try. */
export async function withRetries(
  work: () => unknown,
  { retries, backoffMs, backoffMaxMs }: Required<RetryOptions>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; ; failures++) {
    try {
      await work();
      return;
    } catch (error) {
      if (failures >= retries) throw error;
      await pause(Math.min(backoffMs * 2 ** failures, backoffMaxMs), clock, signal);
    }
  }
}

export async function sendDeadLetter(
  producer: Producer,
  topic: TopicReference<unknown>,
  record: ConsumerRecord,
  error: unknown,
): Promise<void> {
  const { rawKey: key, rawValue: value, headers } = record;
  const own: [string, HeaderValue][] = [
    [DEAD_LETTER_HEADERS.error, error instanceof Error ? `${error.name}: ${error.message}` : String(error)],
    [DEAD_LETTER_HEADERS.topic, record.topic],
    [DEAD_LETTER_HEADERS.partition, String(record.partition)],
    [DEAD_LETTER_HEADERS.offset, String(record.offset)],
    [DEAD_LETTER_HEADERS.timestamp, String(record.timestamp)],
  ];
  await producer.send(topic, { key, value, headers: [...headers, ...own] });
}

function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      cancel();
      reject(new Stopped());
    };
    const cancel = clock.schedule(ms, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

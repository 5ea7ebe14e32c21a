/** Who waits until a consumer has processed what there was to read when they asked. */
import type { Fetcher } from "./fetcher.ts";

interface Waiter {
  /** Of each partition that is behind, the offset to come to. */
  targets: Map<Fetcher, number>;
  resolve(): void;
  reject(error: unknown): void;
}

export class CaughtUp {
  readonly #waiters = new Set<Waiter>();

  wait(fetchers: Iterable<Fetcher>): Promise<void> {
    return new Promise((resolve, reject) => {
      const targets = new Map(Array.from(fetchers, (fetcher) => [fetcher, Math.min(fetcher.bound, fetcher.until)]));
      this.#waiters.add({ targets, resolve, reject });
      this.check();
    });
  }

  /** Something may have been processed. */
  check(): void {
    for (const waiter of this.#waiters) {
      for (const [fetcher, target] of waiter.targets) {
        if (fetcher.processed >= target || fetcher.topic.isDeleted) waiter.targets.delete(fetcher);
      }
      if (waiter.targets.size > 0) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  reject(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }
}

/**
 * Notices that an application has stopped asking: the same record (or batch) is in hand for `maxPollIntervalMs`. It looks
 * once per interval instead of taking the time of every record, so it tells after one to two intervals, once per record.
 */
import type { Clock } from "../storage/clock.ts";
import type { Fetcher } from "./fetcher.ts";

export class PollWatch {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #inHand: () => Fetcher | undefined;
  readonly #stalled: (fetcher: Fetcher) => void;
  #cancel: (() => void) | undefined;
  #fetcher: Fetcher | undefined;
  #position = -1;
  #isTold = false;

  constructor(
    clock: Clock,
    intervalMs: number,
    inHand: () => Fetcher | undefined,
    stalled: (fetcher: Fetcher) => void,
  ) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#inHand = inHand;
    this.#stalled = stalled;
  }

  /** Something was handed out. */
  arm(): void {
    if (this.#cancel !== undefined) return;
    this.#remember();
    this.#cancel = this.#clock.schedule(this.#intervalMs, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.#cancel = undefined;
    const fetcher = this.#inHand();
    if (fetcher === undefined) return;
    const isSame = fetcher === this.#fetcher && fetcher.position === this.#position;
    if (isSame && !this.#isTold) this.#stalled(fetcher);
    this.arm();
    this.#isTold = isSame;
  }

  #remember(): void {
    this.#fetcher = this.#inHand();
    this.#position = this.#fetcher?.position ?? -1;
    this.#isTold = false;
  }
}

/**
 * What `push` has taken and the log has not acknowledged: how much it is, who waits for it to become less, and the first error.
 *
 * The first error stays: a producer that has lost a record does not say again that all is stored. Unless it is transactional: then
 * the commit says so.
 */

/** After as much, the event loop is to get a turn: a loop of pushes has no other end. Some two milliseconds of it. */
const BYTES_PER_TURN = 1024 * 1024;

export interface PushWindowOptions {
  /** What may be held before callers are asked to wait. */
  limit: number;
  /** Makes what lingers leave: nothing else would make room. */
  sealAll(): void;
  /** Hears of the first error, which is kept. Undefined: somebody else hears of errors, and none is kept. */
  failed: ((error: unknown) => void) | undefined;
}

export class PushWindow {
  readonly #options: PushWindowOptions;
  readonly #limit: number;
  #bytes = 0;
  #bytesSinceTurn = 0;
  #error: { error: unknown } | undefined;
  #waiters: { resolve(): void; reject(error: unknown): void }[] = [];

  constructor(options: PushWindowOptions) {
    this.#options = options;
    this.#limit = options.limit;
  }

  /** False when callers should wait. */
  get hasRoom(): boolean {
    return this.#bytes < this.#limit && this.#bytesSinceTurn < BYTES_PER_TURN;
  }

  /** A record was taken. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#bytesSinceTurn += bytes;
  }

  /** So much of it is settled, one way or the other. */
  release(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#waiters.length === 0 || this.#bytes >= this.#limit) return;
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  fail(error: unknown): void {
    const { failed } = this.#options;
    if (failed === undefined || this.#error !== undefined) return;
    this.#error = { error };
    failed(error);
  }

  throwError(): void {
    if (this.#error !== undefined) throw this.#error.error;
  }

  /** Resolves when there is room, after a turn of the event loop where one is due. */
  async drained(): Promise<void> {
    if (this.#bytesSinceTurn >= BYTES_PER_TURN) {
      this.#bytesSinceTurn = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#bytes < this.#limit) return;
    this.#options.sealAll();
    if (this.#bytes < this.#limit) return;
    await new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Nothing will become of those who wait. */
  abort(error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}

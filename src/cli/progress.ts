/** A line on the terminal that shows how far a long job has come. Draws nothing where there is no terminal. */
import { formatCount } from "./numbers.ts";
import type { Output } from "./terminal.ts";

const REDRAW_MS = 80;
const MAX_BAR = 32;
const CLEAR = "\r\x1b[K";

export class Progress {
  readonly #out: Output;
  readonly #label: string;
  readonly #total: number;
  readonly #unit: string;
  readonly #started = performance.now();
  #drawn = 0;

  /** `total` in `unit`s, which are also what the speed is told in. */
  constructor(out: Output, label: string, total: number, unit: string) {
    this.#out = out;
    this.#label = label;
    this.#total = total;
    this.#unit = unit;
  }

  /** Cheap: most calls only look at the clock. */
  show(done: number): void {
    if (!this.#out.isTerminal) return;
    const now = performance.now();
    if (now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    this.#draw(done, now);
  }

  /** The line goes: what is said next stands in its place. */
  clear(): void {
    if (!this.#out.isTerminal) return;
    this.#out.write(CLEAR);
    void this.#out.flush();
  }

  #draw(done: number, now: number): void {
    const share = this.#total > 0 ? Math.min(done / this.#total, 1) : 1;
    const width = Math.max(8, Math.min(MAX_BAR, this.#out.columns - this.#label.length - 40));
    const filled = Math.round(share * width);
    const bar = "█".repeat(filled) + "░".repeat(width - filled);
    const speed = formatCount((done / Math.max(now - this.#started, 1)) * 1000);
    this.#out.write(`${CLEAR}${this.#label} ${bar} ${Math.floor(share * 100)}%  ${speed} ${this.#unit}/s`);
    void this.#out.flush();
  }
}

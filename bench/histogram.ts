/** What is kept of many durations: their percentiles, in microseconds. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { Figures } from "./question.ts";

/** Those that make a curve. */
const PERCENTILES = [50, 75, 90, 95, 99, 99.9, 99.99];

export class Durations {
  readonly #histogram: RecordableHistogram = createHistogram({ figures: 3 });

  /** In milliseconds, as performance.now() has them. */
  add(milliseconds: number): void {
    this.#histogram.record(Math.max(1, Math.round(milliseconds * 1e6)));
  }

  get count(): number {
    return this.#histogram.count;
  }

  percentiles(): Figures {
    const figures: Figures = {};
    for (const percentile of PERCENTILES) {
      figures[`p${percentile}`] = { value: this.#histogram.percentile(percentile) / 1000, unit: "µs" };
    }
    figures.max = { value: this.#histogram.max / 1000, unit: "µs" };
    return figures;
  }
}

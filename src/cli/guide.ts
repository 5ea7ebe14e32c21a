/** Who leads through the tour: says what happens, keeps count of what was checked, and remembers what failed. */
import { styleText } from "node:util";
import { Progress } from "./progress.ts";
import { Failure, say, type Terminal } from "./terminal.ts";

export class Guide {
  checks = 0;
  failures = 0;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get signal(): AbortSignal {
    return this.#terminal.streams.signal;
  }

  /** What comes next. */
  async step(title: string): Promise<void> {
    this.#checkNotInterrupted();
    await say(this.#terminal, `\n${this.#style("bold", title)}`);
  }

  async tell(text: string): Promise<void> {
    await say(this.#terminal, `  ${text}`);
  }

  /** `problem` is undefined when the check held. */
  async check(claim: string, problem: string | undefined): Promise<void> {
    this.#checkNotInterrupted();
    this.checks++;
    if (problem !== undefined) this.failures++;
    const line =
      problem === undefined ? this.#style("green", `✓ ${claim}`) : this.#style("red", `✗ ${claim}: ${problem}`);
    await say(this.#terminal, `  ${line}`);
  }

  progress(label: string, total: number): Progress {
    return new Progress(this.#terminal.err, `  ${label}`, total, "records");
  }

  /** Lets the terminal show what was drawn, and an interrupt arrive. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#checkNotInterrupted();
  }

  #style(format: "bold" | "green" | "red", text: string): string {
    return this.#terminal.err.isTerminal && !process.env.NO_COLOR ? styleText(format, text) : text;
  }

  #checkNotInterrupted(): void {
    if (this.signal.aborted) throw new Failure("the tour was interrupted");
  }
}

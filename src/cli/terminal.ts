/**
 * What a command is given of the world: its streams, a signal that ends it, and the way to start itself again. The tests of
 * the commands pass their own.
 *
 * Data goes to `out`, in large pieces and no faster than the reader takes it; talk goes to `err`. A reader that leaves
 * (`| head`) is no error: `out.isClosed` tells a command to stop.
 */

/** The part of process.stdout that is used. */
export interface Sink {
  write(chunk: Uint8Array | string, done?: (error?: Error | null) => void): boolean;
  on(event: "error", fn: (error: Error) => void): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface Streams {
  stdin: AsyncIterable<Uint8Array | string> & { isTTY?: boolean };
  stdout: Sink;
  stderr: Sink;
  /** Aborted when the user wants the command to end (SIGINT). */
  signal: AbortSignal;
  /** The program and the arguments that run this command in another process. */
  self: readonly string[];
  version: string;
}

const FULL_BYTES = 64 * 1024;
const DEFAULT_COLUMNS = 80;

export class Output {
  readonly isTerminal: boolean;
  readonly #sink: Sink;
  #pieces: (string | Uint8Array)[] = [];
  #size = 0;
  #isClosed = false;
  #error: Error | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(sink: Sink) {
    this.#sink = sink;
    this.isTerminal = sink.isTTY === true;
    sink.on("error", (error) => this.#fail(error));
  }

  get columns(): number {
    return this.#sink.columns ?? DEFAULT_COLUMNS;
  }

  /** Nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Time for `await flush()`. */
  get isFull(): boolean {
    return this.#size >= FULL_BYTES;
  }

  write(piece: string | Uint8Array): void {
    if (this.#isClosed) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  /**
   * Resolves when the reader has taken everything written so far, or has gone. Throws when the stream failed in another way,
   * then and ever after.
   */
  flush(): Promise<void> {
    const mine = this.#flushing.then(() => this.#flushNow());
    this.#flushing = mine.catch(() => {});
    return mine;
  }

  async #flushNow(): Promise<void> {
    if (this.#pieces.length > 0 && !this.#isClosed) {
      const chunk = Buffer.concat(
        this.#pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)),
      );
      this.#pieces = [];
      this.#size = 0;
      await new Promise<void>((resolve) => {
        this.#sink.write(chunk, (error) => {
          if (error) this.#fail(error);
          resolve();
        });
      });
    }
    if (this.#error) throw this.#error;
  }

  #fail(error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    const hasLeft = code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || code === "ECONNRESET";
    this.#isClosed = true;
    if (!hasLeft) this.#error ??= new Failure(`what there is to print cannot be written: ${error.message}`);
  }
}

/** What every command gets besides its own arguments. */
export interface Terminal {
  out: Output;
  err: Output;
  streams: Streams;
  /** What the process ends with: 0, or 1 when something that was looked for did not hold. */
  exitCode: number;
}

/** Something that did not work out, in words for the user: printed without a stack; the exit code is 1. */
export class Failure extends Error {}

/** Says something that is not data. */
export async function say(terminal: Terminal, text: string): Promise<void> {
  terminal.err.line(text);
  await terminal.err.flush();
}

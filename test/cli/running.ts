/** Runs commands: in this process with streams of our own, or as a real child process. */
import { Readable } from "node:stream";
import { run } from "../../src/cli/program.ts";
import type { Sink } from "../../src/cli/terminal.ts";

export interface Result {
  code: number;
  stdout: string;
  /** What stdout holds, byte for byte. */
  bytes: Buffer;
  stderr: string;
  /** stdout as the objects of its lines. */
  // biome-ignore lint/suspicious/noExplicitAny: what a line holds is what the tests look at
  objects(): Record<string, any>[];
}

export interface RunOptions {
  stdin?: AsyncIterable<Uint8Array | string> | string;
  signal?: AbortSignal;
  isTerminal?: boolean;
  /** Sees each piece of stdout as it comes; true closes the reading end, as `head` does. */
  onStdout?: (text: string) => boolean | undefined;
}

/** A command in this process. */
export async function varve(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const { stdin = "", signal = new AbortController().signal, isTerminal = false } = options;
  const stdout = new Capture(isTerminal, options.onStdout);
  const stderr = new Capture(isTerminal);
  const input = typeof stdin === "string" ? Readable.from(stdin === "" ? [] : [stdin]) : stdin;
  const code = await run(args, { stdin: input, stdout, stderr, signal, self: [], version: "0.0.0-test" });
  return result(code, Buffer.concat(stdout.chunks), Buffer.concat(stderr.chunks).toString("utf8"));
}

export function result(code: number, bytes: Buffer, stderr: string): Result {
  const stdout = bytes.toString("utf8");
  const objects = () =>
    stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  return { code, stdout, bytes, stderr, objects };
}

class Capture implements Sink {
  readonly chunks: Buffer[] = [];
  readonly isTTY: boolean;
  readonly columns = 100;
  readonly #onText: RunOptions["onStdout"];
  #hasLeft = false;

  constructor(isTTY: boolean, onText?: RunOptions["onStdout"]) {
    this.isTTY = isTTY;
    this.#onText = onText;
  }

  write(chunk: Uint8Array | string, done?: (error?: Error | null) => void): boolean {
    if (this.#hasLeft) {
      queueMicrotask(() => done?.(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })));
      return false;
    }
    const bytes = Buffer.from(chunk as Uint8Array);
    this.chunks.push(bytes);
    this.#hasLeft = this.#onText?.(bytes.toString("utf8")) === true;
    queueMicrotask(() => done?.());
    return true;
  }

  on(): this {
    return this;
  }
}

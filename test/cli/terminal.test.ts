/** Output that waits for its reader, and ends with it. */
import { expect, it } from "vitest";
import { Output, type Sink } from "../../src/cli/terminal.ts";

type Done = (error?: Error | null) => void;

/** Takes what is written, and is asked to go on by hand. */
function slowSink() {
  const chunks: string[] = [];
  const waiting: Done[] = [];
  const sink: Sink = {
    write(chunk, done) {
      chunks.push(Buffer.from(chunk as Uint8Array).toString());
      waiting.push(done as Done);
      return false;
    },
    on: () => {},
  };
  return { sink, chunks, waiting };
}

const settled = async (promise: Promise<void>) => {
  let isSettled = false;
  promise.finally(() => {
    isSettled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return isSettled;
};

it("writes in large pieces, and waits until they are taken", async () => {
  const { sink, chunks, waiting } = slowSink();
  const out = new Output(sink);
  out.line("a");
  out.write(new Uint8Array([0x62, 0x0a]));
  expect(chunks).toEqual([]);
  const flushed = out.flush();
  expect(await settled(flushed)).toBe(false);
  expect(chunks).toEqual(["a\nb\n"]);
  waiting[0]();
  await flushed;
});

it("a flush covers the one before it", async () => {
  const { sink, waiting } = slowSink();
  const out = new Output(sink);
  out.line("a");
  out.flush();
  const second = out.flush();
  expect(await settled(second)).toBe(false);
  waiting[0]();
  await second;
});

it("is full at 64 KiB", () => {
  const out = new Output(slowSink().sink);
  out.write("x".repeat(65_535));
  expect(out.isFull).toBe(false);
  out.write("x");
  expect(out.isFull).toBe(true);
});

it("closes quietly when the reader leaves, and fails with any other error", async () => {
  for (const [code, isQuiet] of [
    ["EPIPE", true],
    ["ENOSPC", false],
  ] as const) {
    const { sink, waiting, chunks } = slowSink();
    const out = new Output(sink);
    out.line("a");
    const flushed = out.flush();
    await settled(flushed.catch(() => {}));
    waiting[0](Object.assign(new Error(code), { code }));
    if (isQuiet) await flushed;
    else await expect(flushed).rejects.toThrow(`what there is to print cannot be written: ${code}`);
    expect(out.isClosed).toBe(true);
    out.line("b");
    await out.flush().catch(() => {});
    expect(chunks).toEqual(["a\n"]);
  }
});

/** Requests as they may come from somebody who is up to no good: Kafka's own frames, changed at random. */
import { readFileSync } from "node:fs";
import type { Random } from "../simulation/random.ts";

const source = new URL("../fixtures/wire/frames.ndjson", import.meta.url);

/** Good requests of every API and version, without the length in front. */
export const requests: readonly Buffer[] = readFileSync(source, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line))
  .filter(({ kind }) => kind === "request")
  .map(({ header, body }) => Buffer.from(header + body, "hex"));

const EXTREMES = [0x7fff_ffff, -1, -2, -0x8000_0000, 0, 1, 0xffff, 0x0100_0000];

/** One to three changes: bits, extreme numbers, pieces cut out, doubled, cut off, put on. */
export function mutated(random: Random): Buffer {
  let frame: Buffer = Buffer.from(requests[random.below(requests.length)]);
  for (let left = 1 + random.below(3); left > 0; left--) frame = change(frame, random);
  return frame;
}

function change(frame: Buffer, random: Random): Buffer {
  // The first bytes name the API and the version: mostly left alone, so that something is behind them.
  const first = random.oneIn(8) ? 0 : Math.min(8, frame.length - 1);
  const at = first + random.below(Math.max(frame.length - first, 1));
  switch (random.below(6)) {
    case 0:
      frame[at] ^= 1 << random.below(8);
      return frame;
    case 1:
      frame[at] = random.below(256);
      return frame;
    case 2:
      if (at + 4 <= frame.length) frame.writeInt32BE(EXTREMES[random.below(EXTREMES.length)] | 0, at);
      return frame;
    case 3:
      return frame.subarray(0, Math.max(at, 1));
    case 4:
      return Buffer.concat([frame.subarray(0, at), frame.subarray(at + random.below(9))]);
    default:
      return Buffer.concat([frame.subarray(0, at), random.bytes(random.below(9)), frame.subarray(at)]);
  }
}

export function framed(content: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length);
  return Buffer.concat([length, content]);
}

/** Thousands of requests that were tampered with: each is answered or refused, and none meets a defect of ours. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { VarveError } from "../../src/errors.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { Broker } from "../../src/wire/broker.ts";
import { dispatch } from "../../src/wire/dispatch.ts";
import { type Caller, Later, Unanswerable } from "../../src/wire/handler.ts";
import { resolveListenOptions } from "../../src/wire/listen-options.ts";
import { seed } from "../sampling.ts";
import { Random } from "../simulation/random.ts";
import { mutated, requests } from "./mutated-frames.ts";

const FRAMES = 10_000;

let engine: Engine;
let broker: Broker;

beforeAll(async () => {
  engine = await Engine.open(":memory:", { clock: new TestClock() });
  await engine.createTopic("t", { partitions: 2 });
  broker = new Broker(engine, resolveListenOptions({ port: 0 }, engine));
});

afterAll(() => engine.close());

/** Goes as soon as it has asked, so that nothing waits for long. */
function caller(): Caller {
  const onEnding = (fn: () => void) => {
    queueMicrotask(fn);
    return () => {};
  };
  return { clientHost: "/127.0.0.1", isEnding: false, onEnding, fetchSession: undefined };
}

/** What became of a frame; a group may let it wait. */
async function fateOf(frame: Uint8Array): Promise<string> {
  const waited = new Promise<string>((resolve) => setImmediate(() => setImmediate(() => resolve("waits"))));
  const answered = dispatch(frame, broker, caller()).then(
    async (reply) => {
      const chunks = reply instanceof Later ? await reply.value : reply;
      return chunks === undefined ? "no reply" : "answered";
    },
    (error) => {
      if (error instanceof VarveError || error instanceof Unanswerable) return "refused";
      throw error;
    },
  );
  return Promise.race([answered, waited]);
}

it("every good request is answered", async () => {
  const fates = await Promise.all(requests.map(fateOf));
  expect(new Set(fates)).toEqual(new Set(["answered"]));
});

it(`${FRAMES} mutated ones are answered or refused (seed ${seed})`, async () => {
  const random = new Random(seed);
  const counts: Record<string, number> = {};
  for (let i = 0; i < FRAMES; i++) {
    const frame = mutated(random);
    const fate = await fateOf(frame).catch((error) => {
      throw new Error(`frame ${i}, ${frame.toString("hex")}: ${error.stack}`);
    });
    counts[fate] = (counts[fate] ?? 0) + 1;
  }
  expect(counts.answered).toBeGreaterThan(FRAMES / 10);
  expect(counts.refused).toBeGreaterThan(FRAMES / 10);
});

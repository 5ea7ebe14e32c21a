/** What keeps a process alive and what does not, seen from outside: on processes that have nothing else to do. */
import { once } from "node:events";
import { expect, it } from "vitest";
import { source, startChild } from "../child.ts";

const opening = `
  import { open } from "${source("index.ts")}";
  const log = await open(":memory:");
  const topic = await log.createTopic("t");
`;

/** Ends by itself, or the test never does. */
async function run(code: string): Promise<{ said: unknown; exitCode: unknown }> {
  const child = startChild(opening + code);
  const exit = once(child.process, "exit");
  const said = await child.next();
  const [exitCode] = await exit;
  return { said, exitCode };
}

it("a consumer that waits keeps the process alive; one that has been left does not, nor does the open log", async () => {
  const { said, exitCode } = await run(`
    setTimeout(() => topic.send({ value: "at last" }), 20).unref();
    for await (const record of topic.consumer()) {
      process.send(record.value);
      break;
    }
  `);
  expect(said).toBe("at last");
  expect(exitCode).toBe(0);
});

it("a send that lingers keeps the process alive", async () => {
  const { said, exitCode } = await run(`
    process.send((await log.producer({ lingerMs: 20 }).send(topic, { value: 1 })).offset);
  `);
  expect(said).toBe(0);
  expect(exitCode).toBe(0);
});

it("a loop over records at hand lets timers have their turn", async () => {
  const { said } = await run(`
    const value = "x".repeat(1000);
    for (let i = 0; i < 40; i++) await log.producer().sendBatch(topic, Array.from({ length: 100 }, () => ({ value })));
    let read = 0;
    let turns = 0;
    const count = () => setImmediate(() => { turns++; count(); }).unref();
    count();
    for await (const record of topic.consumer({ until: "end" })) read++;
    process.send({ read, hadTurns: turns > 3 });
  `);
  expect(said).toEqual({ read: 4000, hadTurns: true });
});

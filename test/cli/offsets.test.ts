/** `varve offsets`. */
import { expect, it } from "vitest";
import { open } from "../../src/index.ts";
import { dataFolder } from "./data-folder.ts";

it("tells where each partition begins and ends, and which record a time leads to", async () => {
  const { dir, run } = dataFolder();
  const log = await open(dir);
  const topic = await log.createTopic("t", { partitions: 2, codec: "string" });
  for (let i = 0; i < 5; i++) await topic.send({ value: "v", partition: 0, timestamp: 1000 * i });
  await topic.deleteRecords({ 0: 2 });
  await log.close();
  expect((await run("offsets", "t", "--json")).objects()).toEqual([
    { topic: "t", partition: 0, earliest: 2, latest: 5 },
    { topic: "t", partition: 1, earliest: 0, latest: 0 },
  ]);
  expect((await run("offsets", "t", "--json", "--timestamp", "2500")).objects()).toEqual([
    { topic: "t", partition: 0, earliest: 2, latest: 5, offset: 3, timestamp: 3000 },
    { topic: "t", partition: 1, earliest: 0, latest: 0, offset: 0, timestamp: null },
  ]);
  expect((await run("offsets", "t")).stdout.split("\n")[1].trim().split(/\s+/)).toEqual(["0", "2", "5", "3"]);
});

it("names a topic that is not there", async () => {
  const { run } = dataFolder();
  await run("topics", "create", "t");
  expect(await run("offsets", "u")).toMatchObject({ code: 1, stderr: expect.stringContaining("VARVE_UNKNOWN_TOPIC") });
});

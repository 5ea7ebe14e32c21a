/** What an open finds half done, because its predecessor was killed in the act: each a state that the crash explorer has met. */
import { expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { put } from "../storage/files-suite.ts";

/** A process of its own, which can be as good as dead: nobody is alive but the one that asks. */
let processes = 0;
function life(files: MemoryFiles | FaultyFiles) {
  const pid = ++processes;
  const identity = {
    pid,
    hostName: "host",
    bootId: "boot",
    processStart: (other: number) => (other === pid ? "1" : undefined),
    isAlive: (other: number) => other === pid,
  };
  return { files, identity };
}

it("removes the files that were to replace others", async () => {
  const files = new MemoryFiles();
  await (await Engine.open("/data", life(files))).close();
  for (const name of ["topics.json", "topics.json.previous", "recovery-point-offset-checkpoint"]) {
    put(files, `/data/${name}.tmp`, "half");
  }
  await Engine.open("/data", life(files));
  expect(files.list("/data")?.filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

it("ends a deletion whose folders were renamed already", async () => {
  const files = new MemoryFiles();
  const faulty = new FaultyFiles(files);
  const engine = await Engine.open("/data", life(faulty));
  await engine.createTopic("a", { partitions: 2 });
  faulty.fail({ on: "remove", path: /-delete/, code: "VARVE_IO" });
  await expect(engine.deleteTopic("a")).rejects.toMatchObject({ code: "VARVE_IO" });

  const next = await Engine.open("/data", life(files));
  expect([...next.topics.keys()]).toEqual([]);
  expect(files.list("/data")?.filter((name) => name.startsWith("a-"))).toEqual([]);
});

it("takes the death of a process for that alone, also when it died in opening what was closed in order", async () => {
  const calls = 40;
  for (let call = 1; call <= calls; call++) {
    const left = new MemoryFiles();
    await (await Engine.open("/data", life(left))).close();
    const dying = new FaultyFiles(left);
    dying.fail({
      on: ["open", "write", "rename", "remove", "sync", "syncFolder"],
      code: "VARVE_IO",
      nth: call,
      times: Infinity,
    });
    await Engine.open("/data", life(dying)).catch(() => {});
    expect((await Engine.open("/data", life(left))).openReport.lastClose, `call ${call}`).not.toBe("machine");
  }
});

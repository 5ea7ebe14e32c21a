/**
 * Twenty workers that load the native module, use it and go: sixteen end by themselves, some of them four at a time, and four are
 * terminated at their work. The main thread uses the module before and after.
 *
 *   RUNTIME workers.mjs FOLDER
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { open } from "varve";

if (isMainThread) await lead(process.argv[2]);
else await work(workerData);

async function lead(folder) {
  const engines = [];
  await use(join(folder, "main"));
  for (let i = 0; i < 8; i++) engines.push(await runWorker(join(folder, `single-${i}`), false));
  engines.push(...(await Promise.all([1, 2, 3, 4].map((i) => runWorker(join(folder, `first-${i}`), false)))));
  engines.push(...(await Promise.all([1, 2, 3, 4].map((i) => runWorker(join(folder, `killed-${i}`), true)))));
  engines.push(...(await Promise.all([1, 2, 3, 4].map((i) => runWorker(join(folder, `last-${i}`), false)))));
  await use(join(folder, "main"));
  console.log(`${engines.length} workers, ${engines.filter((engine) => engine === "native").length} native`);
}

/** Resolves with the engine it ran on when it is gone. */
function runWorker(folder, isTerminated) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { folder, isTerminated } });
    let engine;
    worker.on("message", (said) => {
      engine = said;
      if (isTerminated) worker.terminate();
    });
    worker.on("error", reject);
    worker.on("exit", () => resolve(engine));
  });
}

async function work({ folder, isTerminated }) {
  const log = await use(folder, isTerminated);
  if (!isTerminated) return;
  parentPort.postMessage(log.engine);
  for (;;) await log.topic("t").send({ value: "again" });
}

async function use(folder, staysOpen = false) {
  const log = await open(folder, { engine: "native" });
  const topic = await log.createTopic("t", { ifNotExists: true });
  await topic.send({ value: "x".repeat(1000) });
  const all = await topic.all();
  assert.equal(all[all.length - 1].value.length, 1000);
  if (staysOpen) return log;
  parentPort?.postMessage(log.engine);
  await log.close();
  return log;
}

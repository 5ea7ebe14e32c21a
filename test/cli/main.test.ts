/** The command as a process: real streams, real signals. Expects dist/ to be built, as `npm test` does. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { dataFolder } from "./data-folder.ts";
import { GOLDEN } from "./golden-copies.ts";

const main = resolve(import.meta.dirname, "../../dist/cli/main.js");

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], { stdio: ["pipe", "pipe", "pipe"] });
}

async function finish(
  child: ChildProcess,
  stdin = "",
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (text) => {
    stdout += text;
  });
  child.stderr?.on("data", (text) => {
    stderr += text;
  });
  child.stdin?.end(stdin);
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

const run = (args: readonly string[], stdin?: string) => finish(start(args), stdin);

it("has exit codes and a version", async () => {
  const { stdout, code } = await run(["--version"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  expect((await run(["nonsense"])).code).toBe(2);
  expect((await run(["topics", "list", "--dir", "/nowhere/at/all"])).code).toBe(1);
});

it("takes lines and gives them back, from one process to the next", async () => {
  const { dir } = dataFolder();
  const lines = Array.from({ length: 20_000 }, (_, i) => `k${i}:line ${i}\n`).join("");
  await run(["topics", "create", "t", "--dir", dir]);
  const produced = await run(["produce", "t", "--key-separator", ":", "--dir", dir], lines);
  expect(produced).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("produced 20,000 records") });
  const { code, stdout } = await run(["consume", "t", "--until", "end", "--dir", dir]);
  expect([code, stdout]).toEqual([0, lines.replaceAll(/^k\d+:/gm, "")]);
});

it("ends quietly when its reader leaves", async () => {
  const child = start(["dump", ...Array(30).fill(`${GOLDEN}/g-none-0/00000000000000000000.log`)]);
  child.stdout?.once("data", () => child.stdout?.destroy());
  let stderr = "";
  child.stderr?.on("data", (text) => {
    stderr += text;
  });
  const [code, signal] = await once(child, "exit");
  expect([code, signal, stderr]).toEqual([0, null, ""]);
});

it("does not wait for the rest of its input when it has failed", async () => {
  const { dir } = dataFolder();
  const child = start(["produce", "t", "--dir", dir]);
  const [code] = await once(child, "exit");
  expect(code).toBe(1);
});

it.runIf(process.platform !== "win32")("commits and closes at SIGINT", async () => {
  const { dir, run: here } = dataFolder();
  await here("topics", "create", "t");
  await run(["produce", "t", "--dir", dir], "one\ntwo\n");
  const child = start(["consume", "t", "--group", "g", "--dir", dir]);
  let stdout = "";
  child.stdout?.on("data", (text) => {
    stdout += text;
    if (stdout === "one\ntwo\n") child.kill("SIGINT");
  });
  const [code, signal] = await once(child, "exit");
  expect([code, signal, stdout]).toEqual([0, null, "one\ntwo\n"]);
  expect(await here("verify", dir)).toMatchObject({ code: 0 });
  await run(["produce", "t", "--dir", dir], "three\n");
  expect((await here("consume", "t", "--group", "g", "--until", "end")).stdout).toBe("three\n");
});

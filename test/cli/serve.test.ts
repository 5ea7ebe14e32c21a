/** `varve serve`, as its user calls it, and as a client finds it. */

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseListenAddress } from "../../src/cli/listen-address.ts";
import { open } from "../../src/index.ts";
import { type Result, varve } from "./running.ts";

interface Served {
  /** The line that says where. */
  started: { address: string; host: string; port: number; path?: string; dir: string; pid: number };
  end(): Promise<Result>;
}

let dir: string;
const running: Served[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "varve-serve-"));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ end }) => end()));
  rmSync(dir, { recursive: true });
});

/** Resolves when it listens. */
async function serve(...args: string[]): Promise<Served> {
  const ending = new AbortController();
  let said: (line: string) => void = () => {};
  const line = new Promise<string>((resolve) => {
    said = resolve;
  });
  const onStdout = (text: string) => void said(text);
  const where = args.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
  const ended = varve(["--dir", dir, "--json", "serve", ...where, ...args], { signal: ending.signal, onStdout });
  const first = await Promise.race([line, ended]);
  if (typeof first !== "string") throw new Error(first.stderr);
  const end = () => {
    ending.abort();
    return ended;
  };
  const served = { started: JSON.parse(first), end };
  running.push(served);
  return served;
}

const kafkaOf = ({ started }: Served) => new Kafka({ brokers: [started.address], logLevel: logLevel.NOTHING });

async function produce(served: Served, topic: string): Promise<void> {
  const producer = kafkaOf(served).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { retries: 1 },
  });
  await producer.connect();
  try {
    await producer.send({ topic, messages: [{ key: "k", value: "hello" }] });
  } finally {
    await producer.disconnect();
  }
}

describe("varve serve", () => {
  it("says where, takes what clients send, and ends in order when it is interrupted", async () => {
    const served = await serve("--partitions", "2");
    expect(served.started).toMatchObject({ host: "127.0.0.1", dir, pid: process.pid });
    await produce(served, "orders");
    expect(await served.end()).toMatchObject({ code: 0, stderr: expect.stringContaining(`closed ${dir}`) });
    const log = await open(dir, { create: false });
    const orders = log.topic<Uint8Array>("orders");
    expect(orders.partitionCount).toBe(2);
    expect((await orders.all()).map(({ key, value }) => [key, Buffer.from(value!).toString()])).toEqual([
      ["k", "hello"],
    ]);
    await log.close();
  });

  it("makes no topics with --no-auto-create", async () => {
    await expect(produce(await serve("--no-auto-create"), "orders")).rejects.toThrow("does not host this topic");
  });

  it("takes replication factors of clusters only with --any-replication-factor", async () => {
    const topics = [{ topic: "t", numPartitions: 1, replicationFactor: 3 }];
    const create = async (served: Served) => {
      const admin = kafkaOf(served).admin();
      await admin.connect();
      await admin.createTopics({ topics }).finally(() => admin.disconnect());
    };
    const strict = await serve();
    await expect(create(strict)).rejects.toThrow();
    await strict.end();
    await create(await serve("--any-replication-factor"));
  });

  it("keeps everything in memory with --dir :memory:", async () => {
    const { started } = await serve("--dir", ":memory:");
    expect(started.dir).toBe(":memory:");
  });

  it("listens on a unix socket", async () => {
    const path = join(dir, "socket");
    expect((await serve("--listen", `unix:${path}`)).started).toMatchObject({ address: `unix:${path}`, path });
  });

  it("tells who wants to write beside it where it listens", async () => {
    const { started, end } = await serve();
    const { code, stderr } = await varve(["--dir", dir, "topics", "create", "t"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`process ${process.pid}, listening on ${started.address}`),
    ]);
    await end();
  });

  it("shows a person what to type in another terminal", async () => {
    const ending = new AbortController();
    const done = varve(["--dir", dir, "serve", "--listen", "127.0.0.1:0"], { signal: ending.signal });
    ending.abort();
    const { code, stdout, stderr } = await done;
    const address = /127\.0\.0\.1:\d+/.exec(stderr)![0];
    expect(stderr).toContain(`varve 0.0.0-test serves ${dir} (0 topics) on ${address}, ready after `);
    expect(stderr).toContain(`bootstrap.servers=${address}`);
    expect(stderr).toContain(`kcat -b ${address} -t orders -P`);
    expect(stderr).toContain(`brokers: ["${address}"]`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  });
});

describe("varve serve refuses", () => {
  it("an address that others reach, unless --insecure", async () => {
    const { code, stderr } = await varve(["--dir", dir, "serve", "--listen", "0.0.0.0:0"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--insecure");
    const { started } = await serve("--listen", "0.0.0.0:0", "--advertise", "logs.example.org:1234", "--insecure");
    expect(started).toMatchObject({ host: "0.0.0.0", address: "logs.example.org:1234" });
  });

  it("a port that is taken", async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) =>
      other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port)),
    );
    const { code, stderr } = await varve(["--dir", dir, "serve", "--listen", `127.0.0.1:${port}`]);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^varve: cannot listen on 127.0.0.1:${port}: somebody else does.*\\n$`));
  });

  it("a directory that is in use", async () => {
    const log = await open(dir);
    const { code, stderr } = await varve(["--dir", dir, "serve", "--listen", "127.0.0.1:0"]);
    await log.close();
    expect(code).toBe(1);
    expect(stderr).toContain("VARVE_LOCKED");
  });

  it.each(["9092", "host:", "host:70000", "host:x"])("the address %s", async (address) => {
    const { code, stderr } = await varve(["--dir", dir, "serve", "--listen", address]);
    expect(code).toBe(2);
    expect(stderr).toContain("host:port was expected");
  });

  it.each([
    ["unix:", 2, "unix:path was expected"],
    ["unix:/no/such/place", 1, "varve: cannot listen on /no/such/place: there is no such folder\n"],
  ])("the address %s", async (address, code, words) => {
    const result = await varve(["--dir", dir, "serve", "--listen", address]);
    expect(result).toMatchObject({ code, stderr: expect.stringContaining(words) });
  });
});

it.each([
  [":9092", { host: "127.0.0.1", port: 9092 }],
  ["localhost:0", { host: "localhost", port: 0 }],
  ["[::1]:9092", { host: "::1", port: 9092 }],
  ["unix:/run/varve", { path: "/run/varve" }],
])("%s is an address", (text, address) => expect(parseListenAddress(text)).toEqual(address));

/** Where a listener listens, whom it lets in, how it ends, and what it does with those who are up to no good. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { open } from "../../src/client/open.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { readLock } from "../../src/engine/lock.ts";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import type { Api } from "../../src/wire/api.ts";
import { FrameReader } from "../../src/wire/frame-reader.ts";
import { isLoopback } from "../../src/wire/listen-options.ts";
import { type Listener, type ListenOptions, listen } from "../../src/wire/listener.ts";
import { Produce } from "../../src/wire/messages/00-produce.ts";
import { Fetch } from "../../src/wire/messages/01-fetch.ts";
import { Metadata } from "../../src/wire/messages/03-metadata.ts";
import { ApiVersions } from "../../src/wire/messages/18-api-versions.ts";
import { batchOf, requestFrame, startListener, until, WireClient } from "./wire-client.ts";

let engine: Engine;
let listener: Listener;
const clients: WireClient[] = [];

async function start(options: ListenOptions = {}, engineOptions: EngineOptions = {}): Promise<void> {
  ({ engine, listener } = await startListener(options, engineOptions));
}

async function client(): Promise<WireClient> {
  const one = await WireClient.connect(listener.port);
  clients.push(one);
  return one;
}

afterEach(async () => {
  for (const one of clients.splice(0)) one.close();
  await engine?.close();
});

const versions = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
const isServed = async () => (await (await client()).call(ApiVersions, 3, versions)).errorCode === 0;

describe("addresses", () => {
  it.each(["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"])("%s is loopback", (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(["0.0.0.0", "::", "192.168.1.1", "127.0.0.1.example.org", "example.org", "::ffff:10.0.0.1"])(
    "%s is refused",
    async (host) => {
      await start();
      await expect(listen(engine, { host, port: 0 })).rejects.toMatchObject({
        code: "VARVE_INVALID_OPTION",
        option: "host",
      });
    },
  );

  it("a unix socket whose owner was killed is taken over; one in use, or another file, is not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "varve-"));
    const [stale, file] = [join(folder, "stale"), join(folder, "file")];
    const listenAndDie = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", listenAndDie, stale]);
    expect(existsSync(stale)).toBe(true);
    await start({ path: stale });
    const socket = connect({ path: stale });
    await once(socket, "connect");
    socket.destroy();
    writeFileSync(file, "mine");
    for (const path of [stale, file]) {
      await expect(listen(engine, { path })).rejects.toMatchObject({ code: "VARVE_INVALID_OPTION", option: "path" });
      expect(existsSync(path)).toBe(true);
    }
    await listener.close();
    rmSync(folder, { recursive: true });
  });

  it("others only with insecure: true", async () => {
    await start({ host: "0.0.0.0", insecure: true, advertisedHost: "broker.example.org", advertisedPort: 1234 });
    const { brokers } = await (await client()).call(Metadata, 12, { topics: [] });
    expect(brokers).toMatchObject([{ nodeId: 1, host: "broker.example.org", port: 1234 }]);
  });

  it("a port that is taken is named", async () => {
    await start();
    const { port } = listener;
    await expect(listen(engine, { port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: somebody else does`);
  });

  it("a unix socket", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "varve-")), "socket");
    await start({ path });
    const socket = connect({ path });
    await once(socket, "connect");
    const one = new WireClient(socket);
    clients.push(one);
    expect(await one.call(ApiVersions, 0, {})).toMatchObject({ errorCode: 0 });
    // No port of this machine, where somebody else may listen.
    const { brokers } = await one.call(Metadata, 12, { topics: [] });
    expect([listener.address, brokers]).toMatchObject([`unix:${path}`, [{ host: "127.0.0.1", port: 0 }]]);
  });

  it("are named in the lock of the directory, for as long as there is a listener", async () => {
    const folder = mkdtempSync(join(tmpdir(), "varve-"));
    const log = await open(folder);
    const other = await listen(log, { port: 0 });
    const named = () => readLock(new DiskFiles(), folder)?.address;
    expect(named()).toBe(`127.0.0.1:${other.port}`);
    await other.close();
    expect(named()).toBe(null);
    await log.close();
    rmSync(folder, { recursive: true });
  });

  it("a unix socket with a path that systems would cut off is refused", async () => {
    await start();
    const path = join(tmpdir(), "x".repeat(120));
    await expect(listen(engine, { path })).rejects.toMatchObject({ code: "VARVE_INVALID_OPTION", option: "path" });
  });

  it("the log may be what `open` gives", async () => {
    await start();
    const log = await open(":memory:");
    const other = await listen(log, { port: 0, autoCreateTopics: true });
    const one = await WireClient.connect(other.port);
    clients.push(one);
    await one.call(Metadata, 12, { topics: [{ name: "t" }] });
    expect(log.topics().map(({ name }) => name)).toEqual(["t"]);
    await log.close();
    await one.closed();
  });

  it("what is no log, or an unknown option, is refused", async () => {
    await start();
    await expect(listen({})).rejects.toMatchObject({ code: "VARVE_INVALID_ARGUMENT" });
    await expect(listen(engine, { ports: 1 } as ListenOptions)).rejects.toThrow(/did you mean port/);
  });
});

describe("versions", () => {
  it.each([0, 1, 2, 3, 4])("ApiVersions %i", async (version) => {
    await start();
    const { errorCode, apiKeys } = await (await client()).call(ApiVersions, version, versions);
    expect(errorCode).toBe(0);
    expect(apiKeys).toContainEqual({ apiKey: 0, minVersion: 0, maxVersion: 11 });
    expect(apiKeys).toHaveLength(31);
  });

  it("a later ApiVersions is answered in version 0 with error 35, and the connection goes on", async () => {
    await start();
    const one = await client();
    const answer = one.answer();
    one.socket.write(requestFrame({ ...ApiVersions, flexibleFrom: 0 } as Api, 99, 7, versions));
    const frame = Buffer.from(await answer);
    expect(frame.toString("hex")).toBe(`00000007${"0023"}${"00000001"}${"0012"}${"0000"}${"0004"}`);
    expect((await one.call(ApiVersions, 4, versions)).errorCode).toBe(0);
  });

  it("a client that does not name itself in Kafka's way", async () => {
    await start();
    const { errorCode } = await (await client()).call(ApiVersions, 3, { ...versions, clientSoftwareName: "-" });
    expect(errorCode).toBe(42);
  });

  it.each([
    ["an API that there is not", 999, 0],
    ["a negative API", -1, 0],
    ["a version that there is not", Metadata.key, 99],
    ["a negative version", Metadata.key, -1],
  ])("%s closes the connection", async (_, key, version) => {
    await start();
    const one = await client();
    one.socket.write(requestFrame({ ...ApiVersions, key } as Api, version, 1, versions));
    await one.closed();
    expect(await isServed()).toBe(true);
  });
});

describe("hostile bytes close the connection and harm nobody else:", () => {
  const int32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  const framed = (hex: string) => {
    const content = Buffer.from(hex.replace(/ /g, ""), "hex");
    return Buffer.concat([int32(content.length), content]);
  };
  it.each<[string, Buffer]>([
    ["a frame of length -1", int32(-1)],
    ["a frame of length 0", int32(0)],
    ["a frame of length 2^31-1", int32(0x7fff_ffff)],
    ["a frame of one byte more than is taken", int32(16 * 1024 * 1024 + 1)],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["TLS", Buffer.from("16030102000100fc03035ce0", "hex")],
    ["an array of 2^31-1 in a short frame", framed("0003 0001 00000001 ffff 7fffffff")],
    ["an array of -2", framed("0003 0001 00000001 ffff fffffffe")],
    ["a client id of a negative length", framed("0003 0001 00000001 fffe 00000000")],
    ["a client id longer than the frame", framed("0003 0001 00000001 7fff 00000000")],
    ["a varint without an end", framed("0003 000c 00000001 ffff 00 ffffffffffffffffffff")],
    ["a tag larger than the frame", framed("0003 000c 00000001 ffff 01 00 ff7f")],
    ["half a header", framed("0003 0001 00000001")],
    ["a string that is not UTF-8", framed("0003 0001 00000001 ffff 00000001 0002 c328")],
  ])("%s", async (_, bytes) => {
    await start();
    const good = await client();
    const bad = await client();
    bad.socket.write(bytes);
    await bad.closed();
    expect((await good.call(ApiVersions, 3, versions)).errorCode).toBe(0);
    expect(listener.connectionCount).toBe(1);
  });
});

describe("connections", () => {
  it("past the limit are closed", async () => {
    await start({ maxConnections: 2 });
    const two = [await client(), await client()];
    for (const one of two) await one.call(ApiVersions, 0, {});
    const third = await client();
    await third.closed();
    two[0].close();
    await until(() => listener.connectionCount === 1);
    expect(await isServed()).toBe(true);
  });

  it("that are silent are closed, also with half a frame; who talks stays", async () => {
    const clock = new TestClock();
    await start({ idleTimeoutMs: 1000 }, { clock });
    const [silent, half, talking] = [await client(), await client(), await client()];
    half.socket.write(requestFrame(ApiVersions, 3, 1, versions).subarray(0, 9));
    await talking.call(ApiVersions, 0, {});
    clock.advance(600);
    await talking.call(ApiVersions, 0, {});
    clock.advance(600);
    await Promise.all([silent.closed(), half.closed()]);
    expect((await talking.call(ApiVersions, 0, {})).errorCode).toBe(0);
  });

  it("that wait for an answer are not silent", async () => {
    const clock = new TestClock();
    await start({ idleTimeoutMs: 1000 }, { clock });
    await engine.createTopic("t");
    const one = await client();
    const before = clock.pending;
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
    const answer = one.call(Fetch, 12, { maxWaitMs: 5000, minBytes: 1, isolationLevel: 0, topics });
    await until(() => clock.pending > before);
    clock.advance(5000);
    expect((await answer).errorCode).toBe(0);
  });

  it("may send many requests at once, and get the replies in order", async () => {
    await start({}, {});
    await engine.createTopic("t");
    const one = await client();
    const produce = (value: string) => {
      const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf([value]) }] }];
      return one.call(Produce, 9, { acks: -1, timeoutMs: 1, topicData });
    };
    const answers = Array.from({ length: 200 }, (_, i) =>
      i % 3 === 0 ? produce(`v${i}`) : one.call(Metadata, 12, { topics: null }),
    );
    expect(await Promise.all(answers)).toHaveLength(200);
    expect(engine.topic("t").partition(0).endOffset).toBe(67);
  });

  it("that do not read are not handled further, and the others are", async () => {
    await start();
    await engine.createTopic("t");
    const value = "x".repeat(1024 * 1024);
    const bytes = batchOf([value]);
    const sealed = { bytes, start: 0, end: bytes.length, recordCount: 1, maxTimestamp: 0 };
    for (let i = 0; i < 4; i++) engine.topic("t").partition(0).append(sealed);
    const slow = await client();
    slow.socket.pause();
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 16 << 20 }] }];
    const frame = requestFrame(Fetch, 12, 1, { maxWaitMs: 0, minBytes: 1, isolationLevel: 0, topics });
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 100; i++) slow.socket.write(frame);
    const good = await client();
    for (let i = 0; i < 50; i++) await good.call(Metadata, 12, { topics: null });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
    let received = 0;
    slow.socket.removeAllListeners("data");
    slow.socket.on("data", (chunk) => {
      received += chunk.length;
    });
    slow.socket.resume();
    await until(() => received > 100 * 4 * value.length);
  });
});

it("what a client has sent is stored, also when it went before its turn came", async () => {
  await start();
  await engine.createTopic("t");
  const one = await client();
  const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }] }];
  const wait = requestFrame(Fetch, 12, 1, { maxWaitMs: 60_000, minBytes: 1, isolationLevel: 0, topics });
  const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(["a"]) }] }];
  const unanswered = requestFrame(Produce, 9, 2, { acks: 0, timeoutMs: 1, topicData });
  one.socket.end(Buffer.concat([wait, unanswered, unanswered]));
  await until(() => engine.topic("t").partition(0).endOffset === 2);
  await until(() => listener.connectionCount === 0);
});

describe("the end", () => {
  const refused = async (port: number): Promise<boolean> => {
    const socket: Socket = connect({ port, host: "127.0.0.1" });
    return new Promise((resolve) => {
      socket.once("error", () => resolve(true));
      socket.once("connect", () => resolve(false));
    });
  };

  it("closing the log closes the listener first", async () => {
    await start();
    const one = await client();
    await one.call(ApiVersions, 0, {});
    const { port } = listener;
    await engine.close();
    await one.closed();
    expect(await refused(port)).toBe(true);
  });

  it.each(["process", "power"] as const)(
    "of many requests on the way, at %s, those that were handled are answered",
    async (durability) => {
      await start();
      await engine.createTopic("t", { durability });
      const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(["a"]) }] }];
      const frames = Buffer.concat(
        Array.from({ length: 2000 }, (_, i) => requestFrame(Produce, 9, i, { acks: -1, timeoutMs: 1, topicData })),
      );
      let answered = 0;
      const all = await Promise.all([client(), client(), client()]);
      for (const one of all) {
        one.socket.removeAllListeners("data");
        const answers = new FrameReader(10_000, 4);
        one.socket.on("data", (chunk) => {
          answers.push(chunk);
          while (answers.next()) answered++;
        });
        one.socket.write(frames);
      }
      await until(() => answered > 100);
      await listener.close();
      await Promise.all(all.map((one) => one.closed()));
      const stored = engine.topic("t").partition(0).endOffset;
      expect(stored).toBeLessThan(6000);
      expect(answered).toBe(stored);
    },
  );

  it("what is in hand is answered, what came with it is stored", async () => {
    await start();
    await engine.createTopic("t");
    const one = await client();
    await one.call(ApiVersions, 0, {});
    const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(["a"]) }] }];
    const answer = one.call(Produce, 9, { acks: 1, timeoutMs: 1, topicData });
    await until(() => engine.topic("t").partition(0).endOffset === 1);
    await listener.close();
    expect((await answer).responses[0].partitionResponses[0].errorCode).toBe(0);
    await listener.close();
  });
});

import { describe, expect, it } from "vitest";
import { serdeFor } from "../../src/client/serde.ts";
import { createTestLog } from "../../src/testing/index.ts";

function roundTrip(codec: Parameters<typeof serdeFor>[0], value: unknown): unknown {
  const serde = serdeFor(codec);
  const encoded = serde.encode(value);
  const body = typeof encoded === "string" ? Buffer.from(encoded) : Buffer.from(encoded);
  const bytes = Buffer.concat([Buffer.from("before"), body, Buffer.from("behind")]);
  return serde.decode(bytes, 6, 6 + body.length);
}

const PLAIN = { text: "größer ☃ 𝒳", list: [1, -2.5, true, null], nested: { empty: {}, zero: 0 } };

describe("codecs", () => {
  it("json and msgpack give back what was put in", () => {
    expect(roundTrip("json", PLAIN)).toEqual(PLAIN);
    expect(roundTrip("msgpack", PLAIN)).toEqual(PLAIN);
    expect(roundTrip(undefined, PLAIN)).toEqual(PLAIN);
  });

  it("msgpack keeps what JSON has no words for", () => {
    const value = { at: new Date(1_700_000_000_123), bytes: Buffer.from([0, 255]), long: 2 ** 40 };
    expect(roundTrip("msgpack", value)).toEqual(value);
  });

  it("msgpack is plain: a map of two keys, without the record extension", () => {
    const encoded = serdeFor("msgpack").encode({ a: 1, b: "x" });
    expect(Buffer.from(encoded as Uint8Array).toString("hex")).toBe("82a16101a162a178");
  });

  it("each msgpack value stands by itself, however many of its shape went before", () => {
    const serde = serdeFor("msgpack");
    for (let i = 0; i < 100; i++) serde.encode({ a: i, b: i });
    expect(Buffer.from(serde.encode({ a: 1, b: 2 }) as Uint8Array).toString("hex")).toBe("82a16101a16202");
  });

  it("string and bytes are stored as they are", () => {
    expect(serdeFor("string").encode("größer")).toBe("größer");
    expect(roundTrip("string", "größer")).toBe("größer");
    expect(roundTrip("bytes", new Uint8Array([1, 2, 255]))).toEqual(new Uint8Array([1, 2, 255]));
  });

  it("a custom codec gets exactly its bytes", () => {
    const codec = {
      encode: (value: number) => new Uint8Array([value, value]),
      decode: (bytes: Uint8Array) => bytes.length * 1000 + bytes[0],
    };
    expect(roundTrip(codec, 7)).toBe(2007);
  });

  it.each([
    ["json", () => {}],
    ["json", 10n],
    ["string", 5],
    ["bytes", "text"],
    ["msgpack", () => {}],
  ] as const)("%s refuses what it cannot store", (codec, value) => {
    expect(() => serdeFor(codec).encode(value)).toThrow();
  });

  it("a `__proto__` key reaches no prototype", () => {
    const json = roundTrip("json", JSON.parse('{"__proto__": {"polluted": true}}'));
    expect(Object.getPrototypeOf(json)).toBe(Object.prototype);
    // {"__proto__": {"polluted": true}}, as somebody else's encoder writes it
    const hostile = Buffer.from("81a95f5f70726f746f5f5f81a8706f6c6c75746564c3", "hex");
    const decoded = serdeFor("msgpack").decode(hostile, 0, hostile.length) as object;
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect("polluted" in decoded).toBe(false);
    expect("polluted" in {}).toBe(false);
  });
});

describe("codecs of a log", () => {
  it("takes the consumer's over the topic's, and the producer's over the topic's", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<unknown>("t", { codec: "string" });
    await topic.send({ value: "1" });
    const producer = log.producer({ codec: "msgpack" });
    await producer.send(topic, { value: { a: 1 } });

    const [first] = await topic.all();
    expect(first.value).toBe("1");
    const consumer = topic.consumer({ codec: "json", until: { offsets: { 0: 1 } } });
    for await (const record of consumer) expect(record.value).toBe(1);
    const packed = topic.consumer({ codec: "msgpack", from: { offsets: { 0: 1 } }, until: "end" });
    for await (const record of packed) expect(record.value).toEqual({ a: 1 });
    await log.close();
  });

  it("keeps a topic's codec over a restart; a custom one has to be given again", async () => {
    const codec = { encode: (value: number) => `<${value}>`, decode: (bytes: Uint8Array) => bytes.length };
    let log = await createTestLog();
    await (await log.createTopic("packed", { codec: "msgpack" })).send({ value: [1] });
    await (await log.createTopic<number>("own", { codec })).send({ value: 22 });
    expect((await log.topic("own").all())[0].value).toBe(4);

    log = await log.restart();
    expect((await log.topic("packed").all())[0].value).toEqual([1]);
    expect((await log.topic("own").all())[0].value).toEqual(new Uint8Array(Buffer.from("<22>")));
    expect((await log.topic("own", { codec }).all())[0].value).toBe(4);
    await log.close();
  });

  it("null is a tombstone in every codec", async () => {
    const log = await createTestLog();
    for (const codec of ["json", "msgpack", "string", "bytes"] as const) {
      const topic = await log.createTopic(codec, { codec });
      await topic.send({ key: "k", value: null });
      const [record] = await topic.all();
      expect(record.isTombstone).toBe(true);
      expect(record.value).toBeNull();
      expect(record.rawValue).toBeNull();
    }
    await log.close();
  });

  it("an error of decoding comes where the value is touched, and moves nothing", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<unknown>("t", { codec: "json" });
    const raw = log.producer({ codec: "string" });
    await raw.send(topic, { key: "k", value: "{ not json" });
    await raw.send(topic, { value: "2" });

    const consumer = topic.consumer({ group: "g" });
    const records = consumer[Symbol.asyncIterator]();
    const record = (await records.next()).value!;
    expect(record.key).toBe("k");
    expect(() => record.value).toThrow(
      expect.objectContaining({ code: "VARVE_CODEC", topic: "t", partition: 0, offset: 0 }),
    );
    expect(record.rawValue).toEqual(new Uint8Array(Buffer.from("{ not json")));
    expect(consumer.position()).toEqual([{ topic: "t", partition: 0, offset: 1 }]);
    expect((await records.next()).value?.value).toBe(2);
    await log.close();
  });

  it("an error of encoding rejects its own send alone", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<unknown>("t");
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const sends = await Promise.allSettled([
      topic.send({ value: 1 }),
      topic.send({ value: circular }),
      topic.send({ value: 3 }),
    ]);
    expect(sends.map((send) => send.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(sends[1]).toMatchObject({ reason: { code: "VARVE_CODEC", topic: "t" } });
    expect((await topic.all()).map((record) => record.value)).toEqual([1, 3]);
    await log.close();
  });
});

/** Every API in every version against frames that Kafka's own classes wrote: read, compare the fields, write, compare the bytes. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MessageReader } from "../../src/format/message-reader.ts";
import { MessageWriter } from "../../src/format/message-writer.ts";
import { read } from "../../src/format/schema.ts";
import { readHeaderEnd, readHeaderStart, requestReader, writeResponse } from "../../src/wire/api.ts";
import { APIS } from "../../src/wire/apis.ts";
import { Produce } from "../../src/wire/messages/00-produce.ts";
import { Metadata } from "../../src/wire/messages/03-metadata.ts";
import { DescribeCluster } from "../../src/wire/messages/60-describe-cluster.ts";

interface Frame {
  key: number;
  kind: "request" | "response";
  version: number;
  header: string;
  body: string;
  fields: Record<string, unknown>;
}

const source = new URL("../fixtures/wire/frames.ndjson", import.meta.url);
const frames: Frame[] = readFileSync(source, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe.each(APIS)("$name", (api) => {
  const ofApi = frames.filter((frame) => frame.key === api.key);

  it("has frames of every version that Kafka still has", () => {
    const first = Math.max(api.versions[0], api.name === "Produce" ? 3 : 0);
    const versions = Array.from({ length: api.versions[1] - first + 1 }, (_, index) => first + index);
    for (const kind of ["request", "response"]) {
      expect([...new Set(ofApi.filter((frame) => frame.kind === kind).map((frame) => frame.version))]).toEqual(
        versions,
      );
    }
  });

  it.each(ofApi)("$kind of version $version is read and written as Kafka does", ({ kind, version, body, fields }) => {
    const type = api[kind];
    const value = read(type, bytesOf(body), version);
    expect(asJson(value, fields)).toEqual(fields);
    const to = new MessageWriter(version);
    const written = kind === "response" ? withRecordRanges(value) : value;
    type.write(to, written);
    expect(hexOf(to.written())).toBe(body);
  });

  it.each(ofApi.filter((frame) => frame.kind === "request"))(
    "request header of version $version",
    ({ version, header, body }) => {
      const from = requestReader(bytesOf(header + body));
      expect(readHeaderStart(from)).toMatchObject({ apiKey: api.key, apiVersion: version });
      readHeaderEnd(from, version >= api.flexibleFrom);
      expect(from.at).toBe(header.length / 2);
    },
  );

  it.each(ofApi.filter((frame) => frame.kind === "response"))(
    "response of version $version goes out behind its length and its header",
    ({ version, header, body }) => {
      const value = withRecordRanges(read(api.response, bytesOf(body), version));
      const correlationId = new DataView(bytesOf(header).buffer).getInt32(0);
      const frame = Buffer.concat(writeResponse(api, version, correlationId, value).chunks());
      expect(frame.readInt32BE(0)).toBe(frame.length - 4);
      expect(hexOf(frame.subarray(4))).toBe(header + body);
    },
  );
});

describe("versions that Kafka has dropped", () => {
  it("Produce 0–2 are read, and answered with what a version has", () => {
    const request = { acks: 1, timeoutMs: 5, topicData: [{ name: "t", partitionData: [{ index: 0, records: null }] }] };
    const response = {
      responses: [{ name: "t", partitionResponses: [{ index: 0, errorCode: 35, baseOffset: -1 }] }],
    };
    const lengths = [0, 1, 2].map((version) => {
      const to = new MessageWriter(version);
      Produce.request.write(to, request);
      expect(read(Produce.request, to.written(), version)).toMatchObject(request);
      return Buffer.concat(writeResponse(Produce, version, 1, response).chunks()).length;
    });
    const bare = 4 + 4 + (4 + (2 + 1) + (4 + 4 + 2 + 8));
    expect(lengths).toEqual([bare, bare + 4, bare + 4 + 8]);
  });
});

describe("hostile messages", () => {
  it("a count larger than the bytes that are left", () => {
    const bytes = bytesOf("7fffffff0000");
    expect(() => read(Metadata.request, bytes, 1)).toThrow(
      /the length of an array is 2147483647, but 2 bytes are left/,
    );
  });

  it("many small elements: each costs memory, so they are counted", () => {
    const count = 300_000;
    const bytes = new Uint8Array(4 + 2 * count);
    new DataView(bytes.buffer).setInt32(0, count);
    expect(() => Metadata.request.read(requestReader(bytes, 0, 1))).toThrow(/more array elements than are allowed/);
    expect((Metadata.request.read(new MessageReader(bytes, 1)) as { topics: unknown[] }).topics).toHaveLength(count);
  });

  it("unknown tags are skipped", () => {
    const [frame] = frames.filter(({ key, kind, version }) => key === 60 && kind === "request" && version === 0);
    expect(frame.body.slice(-2)).toBe("00");
    const withTag = `${frame.body.slice(0, -2)}01630461626364`;
    expect(read(DescribeCluster.request, bytesOf(withTag), 0)).toEqual(
      read(DescribeCluster.request, bytesOf(frame.body), 0),
    );
  });
});

/** Our value in the form of Kafka's JSON: only the fields that are there, bytes in base64, records left out. */
function asJson(value: unknown, like: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map((one, index) => asJson(one, (like as unknown[])?.[index]));
  if (value === null || typeof value !== "object" || like === null || typeof like !== "object") return value;
  const fields = value as Record<string, unknown>;
  const json: Record<string, unknown> = {};
  for (const name of Object.keys(like)) {
    if (name === "records") json[name] = (like as typeof fields).records;
    else json[name] = asJson(fields[name], (like as Record<string, unknown>)[name]);
  }
  return json;
}

/** Records as a handler gives them: in two ranges of somebody's buffer. */
function withRecordRanges(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withRecordRanges);
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      if (name !== "records" || field === null) return [name, withRecordRanges(field)];
      const bytes = field as Uint8Array;
      const half = bytes.length >> 1;
      const copy = bytes.slice(half);
      return [
        name,
        [
          { bytes, at: 0, sizeInBytes: half },
          { bytes: copy, at: 0, sizeInBytes: copy.length },
        ],
      ];
    }),
  );
}

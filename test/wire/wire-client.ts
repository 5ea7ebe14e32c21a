/** A client for tests: one socket, requests as objects of any version, replies in the order in which they come. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { placeBatch } from "../../src/format/batch.ts";
import { BatchBuilder, type SealOptions } from "../../src/format/batch-builder.ts";
import { MessageWriter } from "../../src/format/message-writer.ts";
import { type Infer, type Input, read } from "../../src/format/schema.ts";
import type { Api } from "../../src/wire/api.ts";
import { FrameReader } from "../../src/wire/frame-reader.ts";
import { type Listener, type ListenOptions, listen } from "../../src/wire/listener.ts";

/** A log in memory with a listener on a free port. */
export async function startListener(
  options: ListenOptions = {},
  engineOptions: EngineOptions = {},
): Promise<{ engine: Engine; listener: Listener }> {
  const engine = await Engine.open(":memory:", engineOptions);
  const listener = await listen(engine, { port: 0, ...options });
  return { engine, listener };
}

export class WireClient {
  readonly socket: Socket;
  readonly #frames = new FrameReader(0x7fff_ffff, 4);
  readonly #waiting: { resolve(frame: Uint8Array): void; reject(error: Error): void }[] = [];
  #correlationId = 0;

  static async connect(port: number): Promise<WireClient> {
    const socket = connect({ port, host: "127.0.0.1" });
    await once(socket, "connect");
    return new WireClient(socket);
  }

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      this.#frames.push(chunk);
      for (let frame = this.#frames.next(); frame; frame = this.#frames.next()) this.#waiting.shift()?.resolve(frame);
    });
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("the connection was closed"));
    });
  }

  /** Sends a request and waits for its answer, whose correlation id and header must be right. */
  async call<A extends Api>(api: A, version: number, request: Input<A["request"]>): Promise<Infer<A["response"]>> {
    const answer = this.answer();
    const correlationId = this.send(api, version, request);
    const frame = await answer;
    const found = new DataView(frame.buffer, frame.byteOffset).getInt32(0);
    if (found !== correlationId) throw new Error(`the answer to ${found} came for ${correlationId}`);
    const hasTags = version >= api.flexibleFrom && api.key !== 18;
    return read(api.response, frame, version, hasTags ? 5 : 4) as Infer<A["response"]>;
  }

  /** Sends a request only. Returns its correlation id. */
  send<A extends Api>(api: A, version: number, request: Input<A["request"]>): number {
    const correlationId = ++this.#correlationId;
    this.socket.write(requestFrame(api, version, correlationId, request));
    return correlationId;
  }

  /** The next frame. */
  answer(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) reject(new Error("the connection was closed"));
      else this.#waiting.push({ resolve, reject });
    });
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, "close");
  }

  close(): void {
    this.socket.destroy();
  }
}

export function requestFrame(api: Api, version: number, correlationId: number, request: unknown): Uint8Array {
  const to = new MessageWriter(version);
  to.int32(0);
  to.int16(api.key);
  to.int16(version);
  to.int32(correlationId);
  to.int16(4);
  to.text("test", 4);
  if (version >= api.flexibleFrom) to.uvarint(0);
  api.request.write(to, request);
  const frame = to.written().slice();
  new DataView(frame.buffer).setInt32(0, frame.length - 4);
  return frame;
}

/** One batch of records with these values, as a producer sends it. */
export function batchOf(values: readonly string[], options: SealOptions & { timestamp?: number } = {}): Uint8Array {
  const { timestamp = 1_700_000_000_000, ...seal } = options;
  const builder = new BatchBuilder();
  for (const value of values) builder.append("k", value, undefined, timestamp);
  const { bytes, start, end } = builder.seal(seal);
  const batch = bytes.slice(start, end);
  placeBatch(batch, 0, 0, -1);
  return batch;
}

export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(setImmediate);
}

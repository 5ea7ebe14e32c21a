/**
 * How long does it take from an append until the consumer that waits for it has the record in hand, in one process?
 *
 * Records are due at a steady rate, and the time counts from when a record was due, not from when its turn came: what a stall keeps from
 * being sent is late by as much (no coordinated omission). Beside it stands the time from the call itself, which knows nothing of such
 * stalls: on a machine that is busy with other things, the difference between the two is the machine's. Between two records the event
 * loop turns idly, so that neither a timer nor a sleeping processor is measured; just before one is due its turn is held, so that
 * neither is how long a turn takes.
 */
import { EventEmitter } from "node:events";
import { Durations } from "../histogram.ts";
import { openHypercore } from "../peers/hypercore.ts";
import { type Engine, openVarve, TOPIC } from "../peers/varve.ts";
import type { Figures, Question, Subject } from "../question.ts";
import { bytesRecords, RECORD_BYTES } from "../records.ts";

const RECORDS_PER_SECOND = 5000;

/** A few turns of the event loop. */
const HELD_MS = 0.01;

interface Channel {
  note?: string;
  append(index: number): unknown;
  close(): unknown;
}

/** `received` is to be called with every record, in order. */
type Opener = (folder: string, received: () => void) => Promise<Channel>;

function waiting(mode: string, open: Opener, rest: Partial<Subject> = {}): Subject {
  return {
    mode,
    waits: true,
    ...rest,
    async start({ folder, isQuick }) {
      const flight = new Flight();
      const channel = await open(folder, () => flight.landed());
      return {
        mode: channel.note ? `${mode}; ${channel.note}` : mode,
        round: () => flight.over(channel, isQuick ? 0.5 : 4),
        end: async () => void (await channel.close()),
      };
    },
  };
}

/** Records on their way, which arrive in order. */
class Flight {
  readonly #under: { dueAt: number; sentAt: number }[] = [];
  #sinceDue = new Durations();
  #sinceCall = new Durations();

  landed(): void {
    const time = performance.now();
    const { dueAt, sentAt } = this.#under.shift()!;
    this.#sinceDue.add(time - dueAt);
    this.#sinceCall.add(time - sentAt);
  }

  async over(channel: Channel, seconds: number): Promise<Figures> {
    this.#sinceDue = new Durations();
    this.#sinceCall = new Durations();
    await this.#send(channel, seconds * RECORDS_PER_SECOND);
    const sinceCall = Object.entries(this.#sinceCall.percentiles());
    const uncorrected = sinceCall.map(([name, figure]) => [`from the call ${name}`, figure]);
    return { ...this.#sinceDue.percentiles(), ...Object.fromEntries(uncorrected) };
  }

  #send(channel: Channel, count: number): Promise<void> {
    const started = performance.now();
    let sent = 0;
    return new Promise((resolve, reject) => {
      const turn = () => {
        if (this.#sinceDue.count === count) return resolve();
        // Asked for now: behind the append it would count as the reader's time.
        setImmediate(turn);
        let time = performance.now();
        while (sent < count) {
          const dueAt = started + (sent / RECORDS_PER_SECOND) * 1000;
          if (dueAt > time + HELD_MS) break;
          while (time < dueAt) time = performance.now();
          this.#under.push({ dueAt, sentAt: performance.now() });
          const pending = channel.append(sent++);
          if (pending instanceof Promise) pending.catch(reject);
        }
      };
      turn();
    });
  }
}

const records = bytesRecords();

type Call = "appendSync" | "send" | "push";

function varve(call: Call, engine: Engine = "auto"): Subject {
  const mode = `${call} → body of for await over a live consumer; ${RECORDS_PER_SECOND}/s, codec bytes, key and value as Uint8Array`;
  return waiting(mode, async (folder, received) => {
    const log = await openVarve(folder, { engine });
    const topic = await log.createTopic<Uint8Array>(TOPIC, { codec: "bytes" });
    const producer = log.producer();
    const consumer = log.consumer<Uint8Array>({ topics: [topic], from: "latest", keyCodec: "bytes" });
    const reading = (async () => {
      for await (const { key, value } of consumer) if (key!.length + value!.length === RECORD_BYTES) received();
    })();
    const close = async () => {
      await log.close();
      await reading;
    };
    return { note: `engine ${log.engine}`, append: (index) => producer[call](topic, records[index % 1000]), close };
  });
}

const hypercore = waiting(
  `append → event "append" → get; ${RECORDS_PER_SECOND}/s, Buffer`,
  async (folder, received) => {
    const core = await openHypercore(folder);
    let next = 0;
    core.on("append", async () => {
      while (next < core.length) if ((await core.get(next++)).length === RECORD_BYTES) received();
    });
    return {
      append: (index) => core.append(Buffer.concat([records[index % 1000].key, records[index % 1000].value])),
      close: () => core.close(),
    };
  },
  { needs: ["packages"] },
);

/** The least there can be: nothing is stored. */
const emitter = waiting(
  `EventEmitter: emit → listener; ${RECORDS_PER_SECOND}/s, nothing stored`,
  async (_, received) => {
    const events = new EventEmitter().on("record", received);
    return { append: (index) => void events.emit("record", records[index % 1000]), close: () => {} };
  },
);

export default {
  title: "from an append to the waiting consumer, in one process",
  subjects: {
    varve: varve("appendSync"),
    "varve send": varve("send"),
    "varve ts": varve("appendSync", "ts"),
    hypercore,
    "raw EventEmitter": emitter,
  },
  compare: [
    ["varve p50", "hypercore p50"],
    ["varve p99", "hypercore p99"],
    ["varve p50", "raw EventEmitter p50"],
  ],
} satisfies Question;

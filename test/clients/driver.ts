/**
 * A client that others wrote, in a process of its own that does what it is told. Each client has a driver program; all
 * speak the same lines of JSON:
 *
 *   stdin   {"id": 1, "do": "createTopic", "topic": "t", …}     the last argument is the bootstrap server
 *   stdout  {"id": 1, "result": …} or {"id": 1, "error": "…"}
 *           {"handled": record}                                  for each record that a member of a group has handled
 *
 * Keys, values and header values are base64, so that bytes compare as bytes. The end of stdin ends the driver.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Compression } from "../../src/format/compression.ts";

export interface DriverRecord {
  partition: number;
  offset: number;
  timestamp: number;
  key: string | null;
  value: string | null;
  headers: [name: string, value: string | null][];
}

/** What drivers do. A driver that lacks one answers with an error. */
export interface Commands {
  /** Sends the records in the order given, each to its partition, and waits until all are acknowledged. */
  produce: { topic: string; codec: Compression; idempotent: boolean; records: Omit<DriverRecord, "offset">[] };
  /** Reads all partitions from their beginning, outside of any group, and answers `count` records; `committed`: no others. */
  consume: { topic: string; partitions: number; count: number; committed: boolean };
  /** Begins a transaction as a new producer, sends the records in it, and waits until all are acknowledged. */
  begin: { transactionalId: string; topic: string; records: Omit<DriverRecord, "offset">[] };
  /** Ends what was begun, and closes the producer. Fails when somebody else has the id by now. */
  end: { commit: boolean };
  /**
   * Reads the next `count` records of `topic` as a member of the group, and sends their values to partition 0 of `to`. That and
   * the group's offsets are one transaction.
   */
  transform: { transactionalId: string; topic: string; group: string; to: string; count: number; commit: boolean };
  /** Starts the one member of this driver, which commits what it has handled. */
  join: { topic: string; group: string };
  /** Closes it. */
  leave: Record<string, never>;
  createTopic: { topic: string; partitions: number; configs: Record<string, string> };
  listTopics: Record<string, never>;
  /** Answers the number of partitions. */
  describeTopic: { topic: string };
  addPartitions: { topic: string; count: number };
  /** Answers an object of names and values. */
  describeConfigs: { topic: string };
  alterConfigs: { topic: string; configs: Record<string, string> };
  deleteTopic: { topic: string };
  listGroups: Record<string, never>;
  /** Answers { state, members }. */
  describeGroup: { group: string };
  deleteGroup: { group: string };
}

const CALL_MS = 60_000;
const EXIT_MS = 10_000;

export class Driver {
  readonly handled: DriverRecord[] = [];
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #calls = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  readonly #name: string;
  #lastId = 0;
  #complaints = "";

  constructor(command: readonly string[], address: string, env: Record<string, string> = {}) {
    const [program, ...args] = command;
    this.#name = command.join(" ");
    // A group of its own, so that kill() reaches what a driver has started.
    this.#child = spawn(program, [...args, address], { env: { ...process.env, ...env }, detached: true });
    this.#gone = new Promise((resolve) => {
      const ended = (why: string) => {
        for (const { reject } of this.#calls.values()) reject(this.#error(`ended with ${why}`));
        this.#calls.clear();
        resolve();
      };
      this.#child.once("error", (error) => ended(error.message));
      this.#child.once("close", (code, signal) => ended(`${signal ?? code}`));
    });
    this.#child.stdin!.on("error", () => {});
    this.#child.stderr!.on("data", (text) => {
      this.#complaints = (this.#complaints + text).slice(-4000);
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => this.#heard(line));
  }

  async call<C extends keyof Commands>(command: C, args: Commands[C]): Promise<unknown> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw this.#error("has ended");
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#calls.set(id, { resolve, reject });
        timer = setTimeout(() => reject(this.#error(`${command}: no answer in ${CALL_MS} ms`)), CALL_MS);
        this.#child.stdin!.write(`${JSON.stringify({ id, do: command, ...args })}\n`);
      });
    } finally {
      clearTimeout(timer);
      this.#calls.delete(id);
    }
  }

  /** Ends the driver; one that does not end of itself is killed. */
  async close(): Promise<void> {
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#killAll(), EXIT_MS);
    await this.#gone;
    clearTimeout(timer);
  }

  /** kill -9 of the driver and what it has started. Resolves when they are gone. */
  async kill(): Promise<void> {
    this.#killAll();
    await this.#gone;
  }

  #killAll(): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
  }

  #heard(line: string): void {
    let said: { id?: number; result?: unknown; error?: string; handled?: DriverRecord };
    try {
      said = JSON.parse(line);
    } catch {
      this.#complaints += `${line}\n`;
      return;
    }
    if (said.handled) this.handled.push(said.handled);
    const call = this.#calls.get(said.id ?? 0);
    if (said.error !== undefined) call?.reject(this.#error(said.error));
    else call?.resolve(said.result);
  }

  #error(message: string): Error {
    return new Error(`${this.#name}: ${message}\n${this.#complaints}`);
  }
}

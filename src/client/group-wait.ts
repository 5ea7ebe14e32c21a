/** Who waits for a group of this process or of others: looks again whenever the group has committed or its members have changed. */
import { VarveError } from "../errors.ts";
import type { Client, ClientContext } from "./context.ts";
import { holdProcess, releaseProcess } from "./keep-alive.ts";

export class GroupWait implements Client {
  label = "";
  readonly #context: ClientContext;
  readonly #isOver: () => Promise<boolean>;
  #reject: (error: unknown) => void = () => {};
  /** Something has changed since the last look began. */
  #isStale = true;
  #isLooking = false;

  constructor(context: ClientContext, isOver: () => Promise<boolean>) {
    this.#context = context;
    this.#isOver = isOver;
  }

  /** Rejects when the log is closed before. */
  async start(group: string): Promise<void> {
    this.label = `a wait for the group ${group}`;
    const { engine } = this.#context;
    await engine.offsets.ready();
    let resolve = () => {};
    const done = new Promise<void>((resolved, rejected) => {
      resolve = resolved;
      this.#reject = rejected;
    });
    const look = () => {
      this.#isStale = true;
      if (!this.#isLooking) this.#look(resolve).catch(this.#reject);
    };
    // A change is written down before the coordinator acts on it: it has a turn for that.
    const lookSoon = () => void setImmediate(look);
    const ends = [
      engine.offsets.watch((changed) => {
        if (changed === group) lookSoon();
      }),
      engine.onTopics(lookSoon),
    ];
    this.#context.opened(this);
    holdProcess();
    look();
    try {
      await done;
    } finally {
      releaseProcess();
      for (const end of ends) end();
      this.#context.closed(this);
    }
  }

  async close(): Promise<void> {
    this.#reject(new VarveError("VARVE_CLOSED", "the log was closed before the group had caught up"));
  }

  abort(error: VarveError): void {
    this.#reject(error);
  }

  async #look(resolve: () => void): Promise<void> {
    this.#isLooking = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        if (await this.#isOver()) resolve();
      }
    } finally {
      this.#isLooking = false;
    }
  }
}

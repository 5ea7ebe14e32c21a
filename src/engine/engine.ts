/** One data directory. */
import type { VarveError } from "../errors.ts";
import type { Chance, Clock } from "../storage/clock.ts";
import type { Files } from "../storage/files.ts";
import type { LogEvent } from "../storage/log-state.ts";
import type { Durability, TopicOptions } from "./config.ts";
import { Emitter } from "./emitter.ts";
import type { EngineOptions, ResolvedEngineOptions } from "./engine-options.ts";
import { Groups } from "./group.ts";
import { OffsetStore } from "./offsets.ts";
import type { Topic } from "./topic.ts";

export interface EngineEvents {
  poisoned: Extract<LogEvent, { kind: "poisoned" }>;
  corrupt: Extract<LogEvent, { kind: "corrupt" }>;
  recovered: Extract<LogEvent, { kind: "recovered" }>;
  /** A committed offset lay past the end of its partition after a crash. */
  clamped: { group: string; topic: string; partition: number; from: number; to: number };
}

export class Engine {
  readonly path!: string;
  readonly readOnly!: boolean;
  readonly files!: Files;
  readonly clock!: Clock;
  readonly chance!: Chance;
  readonly options!: ResolvedEngineOptions;
  readonly durability!: Durability;
  readonly offsets = new OffsetStore();
  readonly groups = new Groups();
  readonly events = new Emitter<EngineEvents>();
  readonly isClosed!: boolean;

  static open(_path: string, _options: EngineOptions = {}): Promise<Engine> {
    throw new Error("to come");
  }

  get topics(): ReadonlyMap<string, Topic> {
    throw new Error("to come");
  }

  topic(_name: string): Topic {
    throw new Error("to come");
  }

  createTopic(_name: string, _options?: TopicOptions): Promise<Topic> {
    throw new Error("to come");
  }

  deleteTopic(_name: string): Promise<void> {
    throw new Error("to come");
  }

  /** Calls `fn` when topics came, went or grew. */
  onTopics(_fn: () => void): () => void {
    throw new Error("to come");
  }

  /** Throws VARVE_CLOSED once the engine is closed. */
  checkOpen(): void {}

  on<Name extends keyof EngineEvents>(name: Name, fn: (event: EngineEvents[Name]) => void): () => void {
    return this.events.on(name, fn);
  }

  off<Name extends keyof EngineEvents>(name: Name, fn: (event: EngineEvents[Name]) => void): void {
    this.events.off(name, fn);
  }

  stats(): object {
    throw new Error("to come");
  }

  health(): { ok: boolean; poisoned: VarveError[] } {
    throw new Error("to come");
  }

  flush(): Promise<void> {
    throw new Error("to come");
  }

  backup(_dir: string): Promise<void> {
    throw new Error("to come");
  }

  close(_options: { timeoutMs?: number } = {}): Promise<void> {
    throw new Error("to come");
  }
}

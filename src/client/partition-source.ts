/**
 * Which partitions a consumer reads: all that its subscription matches, or those that its group gives it.
 *
 * A source adds to the assignment and takes from it; only at moments when nothing is in hand does it take something.
 */
import type { Engine } from "../engine/engine.ts";
import type { MemberOfGroup } from "../engine/groups/requests.ts";
import type { Assignment } from "./assignment.ts";
import type { TopicPartition } from "./start-positions.ts";

export interface PartitionSource {
  /** Brings the first partitions. */
  start(): Promise<void>;
  /** There is something to do before more is handed out. */
  readonly isDue: boolean;
  step(): Promise<void>;
  /** Who the consumer is in its group. Throws when it is nobody there any more. */
  member(): MemberOfGroup;
  /** The application has had a record in hand for too long. */
  stalled(): void;
  /** Before the end is waited for: nothing may wait for others any more. */
  end(): void;
  /** Gives back what it was given. */
  close(): Promise<void>;
}

export interface SourceHost {
  readonly engine: Engine;
  readonly assignment: Assignment;
  readonly isBounded: boolean;
  assigned(partitions: TopicPartition[]): void;
  revoked(partitions: TopicPartition[]): void;
  failed(error: unknown): void;
  /** There may be something to read, or to throw. */
  wake(): void;
}

/** Everything that the subscription matches, also what is made later unless the reading is bounded. */
export class AllPartitions implements PartitionSource {
  readonly isDue = false;
  readonly #host: SourceHost;
  #unlisten: (() => void) | undefined;
  #isOver = false;

  constructor(host: SourceHost) {
    this.#host = host;
  }

  async start(): Promise<void> {
    const { engine, assignment, assigned, isBounded } = this.#host;
    const added = await assignment.add(engine.topics.values(), true);
    if (this.#isOver) return;
    if (added.length > 0) assigned(added);
    if (isBounded) return;
    this.#unlisten = engine.onTopics(() => this.#topicsChanged());
    this.#topicsChanged();
  }

  async step(): Promise<void> {}

  member(): MemberOfGroup {
    throw new Error("a consumer without a group is no member of one");
  }

  stalled(): void {}

  end(): void {
    this.#isOver = true;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#unlisten?.();
  }

  #topicsChanged(): void {
    const { engine, assignment, assigned, revoked, failed, wake } = this.#host;
    const removed = assignment.removeDeleted();
    if (removed.length > 0) revoked(removed);
    assignment.add(engine.topics.values(), false).then((added) => {
      if (added.length > 0 && !this.#isOver) assigned(added);
    }, failed);
    wake();
  }
}

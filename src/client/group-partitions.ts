/**
 * The partitions that a group gives to one consumer. They change in steps, each at a moment when nothing is in hand: what goes is
 * committed first, then told ("revoked"), and only then free for others.
 */
import type { MemberOfGroup } from "../engine/groups/requests.ts";
import type { Topic } from "../engine/topic.ts";
import { keyOf } from "./context.ts";
import type { GroupCommits } from "./group-commits.ts";
import { GroupMembership } from "./group-membership.ts";
import type { PartitionSource, SourceHost } from "./partition-source.ts";
import type { TopicPartition } from "./start-positions.ts";
import type { Subscription } from "./subscription.ts";

export interface GroupPartitionsHost extends SourceHost {
  readonly group: string;
  readonly clientId: string;
  readonly maxPollIntervalMs: number;
  readonly subscription: Subscription;
  readonly commits: GroupCommits;
  /** Somebody is in the loop, and will take the step that is due. */
  isInLoop(): boolean;
  /** The next record goes the long way, which asks whether a step is due. */
  interrupt(): void;
}

export class GroupPartitions implements PartitionSource {
  readonly #host: GroupPartitionsHost;
  readonly #membership: GroupMembership;
  /** Those that there were when the consumer began: what "latest" leaves out. */
  readonly #firstTopics: ReadonlySet<Topic>;
  #unlisten: (() => void) | undefined;
  #subscribed = "";
  #stepping: Promise<void> | undefined;
  #hasStarted = false;
  #isOver = false;

  constructor(host: GroupPartitionsHost) {
    this.#host = host;
    const { engine, group, clientId, maxPollIntervalMs } = host;
    this.#firstTopics = new Set(engine.topics.values());
    this.#membership = new GroupMembership({
      coordinator: engine.coordinator,
      clock: engine.clock,
      group,
      clientId,
      maxPollIntervalMs,
      topics: () => this.#topics().map(({ name }) => name),
      countOf: (topic) => engine.topics.get(topic)?.partitionCount,
      interrupt: () => this.#interrupt(),
    });
    host.commits.guard(() => this.#membership.checkCommit());
  }

  async start(): Promise<void> {
    const { engine } = this.#host;
    this.#subscribed = this.#fingerprint();
    this.#unlisten = engine.onTopics(() => this.#topicsChanged());
    while (!this.#isOver && !this.#hasStarted) {
      await this.#membership.join([]);
      await this.step();
    }
    this.#topicsChanged();
  }

  get isDue(): boolean {
    return this.#membership.isDue;
  }

  step(): Promise<void> {
    this.#stepping ??= this.#step().finally(() => {
      this.#stepping = undefined;
    });
    return this.#stepping;
  }

  member(): MemberOfGroup {
    return this.#membership.currentIdentity;
  }

  stalled(): void {
    this.#membership.evict().catch(this.#host.failed);
  }

  /** A join that waits for others is given up. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#hasStarted) void this.#membership.leave();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#unlisten?.();
    await this.#membership.leave();
  }

  async #step(): Promise<void> {
    const { assignment } = this.#host;
    const membership = this.#membership;
    while (membership.isDue && !this.#isOver) {
      if (membership.isLost) {
        membership.isLost = false;
        membership.assigned = undefined;
        this.#drop(assignment.partitions);
      } else if (membership.assigned !== undefined) {
        await this.#take(membership.assigned);
      } else if (membership.keepsPartitions) {
        membership.join(assignment.partitions).catch(this.#host.failed);
      } else {
        await this.#revoke(assignment.partitions);
        await membership.join([]);
      }
    }
  }

  /** Gives up what is no longer its own, and begins with what is new. Having given up something, it tells the group by joining again. */
  async #take(given: readonly TopicPartition[]): Promise<void> {
    const { assignment, assigned } = this.#host;
    this.#membership.assigned = undefined;
    const after = new Set(given.map(({ topic, partition }) => keyOf(topic, partition)));
    const gone = assignment.partitions.filter(({ topic, partition }) => !after.has(keyOf(topic, partition)));
    await this.#revoke(gone);
    const added = await assignment.addPartitions(given, (topic) => this.#firstTopics.has(topic));
    this.#hasStarted = true;
    if (added.length > 0 && !this.#isOver) assigned(added);
    if (gone.length > 0) this.#membership.requestJoin();
  }

  async #revoke(partitions: TopicPartition[]): Promise<void> {
    await this.#host.commits.commitLast(partitions);
    this.#drop(partitions);
  }

  #drop(partitions: TopicPartition[]): void {
    if (partitions.length === 0) return;
    this.#host.assignment.remove(partitions);
    this.#host.revoked(partitions);
  }

  /** Where nobody is in the loop, nothing is in hand: the step can be taken at once. */
  #interrupt(): void {
    if (this.#isOver || !this.isDue || !this.#hasStarted) return;
    if (this.#host.isInLoop()) this.#host.interrupt();
    else this.step().catch(this.#host.failed);
  }

  #topicsChanged(): void {
    if (this.#isOver) return;
    const subscribed = this.#fingerprint();
    if (subscribed === this.#subscribed) return;
    this.#subscribed = subscribed;
    this.#membership.requestJoin();
    this.#host.wake();
  }

  #topics(): Topic[] {
    const { subscription, engine } = this.#host;
    return subscription.topicsAmong(engine.topics.values()).filter((topic) => !topic.isDeleted);
  }

  #fingerprint(): string {
    return this.#topics()
      .map(({ id, name, partitionCount }) => `${name} ${id} ${partitionCount}`)
      .sort()
      .join("\n");
  }
}

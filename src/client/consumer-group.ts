/** A consumer group as an application holds it: members to run, who is in it, how far it has come, and its offsets to set. */
import type { GroupState } from "../engine/groups/requests.ts";
import { KAFKA_ERRORS } from "../engine/kafka-errors.ts";
import type { Topic } from "../engine/topic.ts";
import { VarveError } from "../errors.ts";
import { readAssignment } from "../format/consumer-protocol.ts";
import type { ClientContext } from "./context.ts";
import { checkResetOptions, checkRunOptions, type ResetOptions, type RunOptions } from "./group-options.ts";
import { GroupRun } from "./group-run.ts";
import { GroupWait } from "./group-wait.ts";
import { type OffsetReset, resetOf } from "./offset-reset.ts";
import type { TopicReference } from "./producer-record.ts";
import type { TopicPartition } from "./start-positions.ts";
import { hasUnread } from "./unread.ts";

/** A member of a group. */
export interface GroupMemberDescription {
  memberId: string;
  /** Of a static member: what it is called across restarts. */
  groupInstanceId: string | null;
  clientId: string;
  /** "in-process", or where a client of the wire comes from. */
  host: string;
  /** What it was assigned. */
  partitions: TopicPartition[];
}

/** Who is in a group, and how far it has come. */
export interface GroupDescription {
  /** The group's own. */
  name: string;
  /** "Dead": there is no such group. */
  state: GroupState;
  /** How the members assign: "cooperative-sticky"; "" while they have not agreed. */
  assignor: string;
  /** Rises with each rebalance. */
  generation: number;
  /** Those of this process and those of the wire. */
  members: GroupMemberDescription[];
  /** Of each partition that the group has committed for, or has in hand. */
  offsets: GroupLag[];
}

/** How far a group has come in a partition. */
export interface GroupLag extends TopicPartition {
  /** Undefined: nothing is committed. */
  committed: number | undefined;
  /** Behind the last record that may be read. */
  end: number;
  /** How many offsets lie between what is committed, or the start, and the end. */
  lag: number;
}

/**
 * A consumer group by its name: runs members of it in this process, says how far it is, and sets where it goes on.
 * Members elsewhere, Kafka clients among them, are part of the same group.
 */
export class ConsumerGroup {
  readonly name: string;
  readonly #context: ClientContext;

  /** Groups are made by `log.group()`. @internal */
  constructor(context: ClientContext, name: string) {
    if (typeof name !== "string" || name === "") {
      throw new VarveError("VARVE_INVALID_ARGUMENT", "the name of a group must be a string that is not empty");
    }
    this.#context = context;
    this.name = name;
  }

  /** Handles records with members of this process, until the signal or the end of the log; rejects with the first error. */
  async run<V = unknown>(options: RunOptions<V>): Promise<void> {
    const run = new GroupRun<V>(this.#context, this.name, checkRunOptions<V>(options));
    const { opened, closed } = this.#context;
    await run.start(opened.bind(this.#context), closed.bind(this.#context));
  }

  /** Its state, its members, and what it has committed. A group that nobody has heard of is "Dead". */
  async describe(): Promise<GroupDescription> {
    const [group] = await this.#context.engine.coordinator.describeGroups([this.name]);
    const members = group.members.map(({ memberId, groupInstanceId, clientId, clientHost, assignment }) => {
      return { memberId, groupInstanceId, clientId, host: clientHost, partitions: partitionsIn(assignment) };
    });
    return {
      name: this.name,
      state: group.groupState,
      assignor: group.protocolData,
      generation: group.generationId,
      members,
      offsets: await this.#lagOf(members.flatMap(({ partitions }) => partitions)),
    };
  }

  /** Of each partition that the group has committed for, or has in hand. */
  async lag(): Promise<GroupLag[]> {
    return (await this.describe()).offsets;
  }

  /**
   * Resolves when the group has committed everything that there is to read: in the topics given, whether anybody reads them or not;
   * else in the partitions that its members have, or, when nobody is in it, in the topics that it has committed for. Of these
   * there must be one.
   */
  caughtUp(topics?: readonly TopicReference<never>[]): Promise<void> {
    const wait = new GroupWait(this.#context, () => this.#isCaughtUp(topics));
    return wait.start(this.name);
  }

  /** Sets what is committed; nobody may be in the group, unless it is a dry run. Returns what was done, or would be. */
  async resetOffsets(options: ResetOptions): Promise<OffsetReset[]> {
    const { to, topics, dryRun = false } = checkResetOptions(options);
    const { engine } = this.#context;
    await engine.offsets.ready();
    const resets: OffsetReset[] = [];
    for (const { topic, partition: index } of this.#resettable(topics)) {
      const partition = topic.partition(index);
      await partition.ready();
      const committed = engine.offsets.committed(this.name, topic.name, index);
      const reset = resetOf(to, topic.name, partition, committed);
      if (reset) resets.push(reset);
    }
    if (dryRun || resets.length === 0) return resets;
    this.#checkWritable();
    const outside = { groupId: this.name, memberId: "", generationId: -1, groupInstanceId: null };
    if ((await engine.coordinator.checkCommit(outside)) !== KAFKA_ERRORS.NONE) throw this.#busy("reset");
    await engine.offsets.commit(
      this.name,
      resets.map(({ topic, partition, to: offset }) => ({ topic, partition, offset })),
    );
    return resets;
  }

  /** Forgets the group and what it has committed; nobody may be in it. Of a group that does not exist nothing is left either. */
  async delete(): Promise<void> {
    this.#checkWritable();
    const [{ errorCode }] = await this.#context.engine.coordinator.deleteGroups([this.name]);
    if (errorCode === KAFKA_ERRORS.NON_EMPTY_GROUP) throw this.#busy("deleted");
  }

  /** All of the topics given; else those that there is a commit for. */
  #resettable(topics: ResetOptions["topics"]): { topic: Topic; partition: number }[] {
    const { engine } = this.#context;
    if (topics === undefined) {
      return engine.offsets.allCommitted(this.name).flatMap(({ topic: name, partition }) => {
        const topic = engine.topics.get(name);
        return topic ? [{ topic, partition }] : [];
      });
    }
    return topics.flatMap((reference) => {
      const topic = this.#context.topic(reference);
      return topic.partitions.flatMap((found) => (found ? [{ topic, partition: found.index }] : []));
    });
  }

  async #isCaughtUp(given: readonly TopicReference<never>[] | undefined): Promise<boolean> {
    const { topics, offsets } = this.#context.engine;
    const awaited = given?.flatMap((reference) => partitionsOf(this.#context.topic(reference)));
    const partitions = awaited ?? (await this.#partitionsInHand());
    for (const { topic, partition: index } of partitions) {
      const partition = topics.get(topic)?.partitions[index];
      await partition?.ready();
      const committed = offsets.committed(this.name, topic, index)?.offset ?? 0;
      if (partition !== undefined && hasUnread(partition, committed)) return false;
    }
    return partitions.length > 0;
  }

  /**
   * Those that the members have; all of the topics that there is a commit for, where there are no members. While they share them out
   * it is not known what they have.
   */
  async #partitionsInHand(): Promise<TopicPartition[]> {
    const { state, members, offsets } = await this.describe();
    if (state === "PreparingRebalance" || state === "CompletingRebalance") return [];
    if (members.length > 0) return members.flatMap(({ partitions }) => partitions);
    const { topics } = this.#context.engine;
    return [...new Set(offsets.map(({ topic }) => topic))].flatMap((name) => {
      const topic = topics.get(name);
      return topic ? partitionsOf(topic) : [];
    });
  }

  async #lagOf(assigned: readonly TopicPartition[]): Promise<GroupLag[]> {
    const { offsets, topics } = this.#context.engine;
    await offsets.ready();
    const committed = offsets.allCommitted(this.name);
    const wanted = new Map([...committed, ...assigned].map((one) => [`${one.topic}-${one.partition}`, one]));
    const lags: GroupLag[] = [];
    for (const { topic, partition: index } of wanted.values()) {
      const partition = topics.get(topic)?.partitions[index];
      if (partition === undefined) continue;
      await partition.ready();
      const { startOffset, highWatermark: end } = partition;
      const from = offsets.committed(this.name, topic, index)?.offset;
      lags.push({ topic, partition: index, committed: from, end, lag: Math.max(0, end - (from ?? startOffset)) });
    }
    return lags.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
  }

  #checkWritable(): void {
    if (!this.#context.engine.readOnly) return;
    throw new VarveError("VARVE_READ_ONLY", `the log was opened read-only: the group ${this.name} cannot be changed`);
  }

  #busy(what: string): VarveError {
    return new VarveError(
      "VARVE_GROUP_BUSY",
      `the group ${this.name} has members: it cannot be ${what} until they left`,
    );
  }
}

function partitionsOf({ name: topic, partitionCount }: Topic): TopicPartition[] {
  return Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition }));
}

/** Members of other protocols say other things there. */
function partitionsIn(assignment: Uint8Array): TopicPartition[] {
  try {
    const { assignedPartitions } = readAssignment(assignment);
    return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  } catch {
    return [];
  }
}

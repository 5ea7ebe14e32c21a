/**
 * CreateTopics (19), versions 2–7. There is one replica: a replication factor of 1 or −1 (the default) is taken, any other one
 * only with `anyReplicationFactor`. An assignment of replicas may name this broker and no other. Topics hold bytes: their
 * codec is "bytes". The timeout is not looked at.
 */
import { fullConfig, MAX_PARTITIONS, type TopicOptions } from "../../engine/config.ts";
import type { Topic } from "../../engine/topic.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import { type Broker, NODE_ID, REPLICATION_FACTOR } from "../broker.ts";
import { ERROR, Refused, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { CreateTopics } from "../messages/19-create-topics.ts";
import { givenConfigs, shownConfigs } from "../topic-configs.ts";
import { Turns } from "../turns.ts";

type Request = RequestOf<typeof CreateTopics>;
type Asked = Request["topics"][number];
type Answer = ResponseOf<typeof CreateTopics>["topics"][number];

const DEFAULT = -1;

export async function createTopics(
  { topics, validateOnly }: Request,
  { broker }: Call,
): Promise<ResponseOf<typeof CreateTopics>> {
  const times = new Map<string, number>();
  for (const { name } of topics) times.set(name, (times.get(name) ?? 0) + 1);
  const answers = new Map<string, Answer>();
  const turns = new Turns();
  for (const asked of topics) {
    const { name } = asked;
    if (answers.has(name)) continue;
    try {
      if (times.get(name)! > 1) throw new Refused(ERROR.INVALID_REQUEST, "the topic is named more than once");
      answers.set(name, await create(asked, validateOnly, broker));
    } catch (error) {
      answers.set(name, { name, ...refusalOf(error), configs: null });
    }
    await turns.after(Turns.NAME);
  }
  return { topics: [...answers.values()] };
}

async function create(asked: Asked, validateOnly: boolean, broker: Broker): Promise<Answer> {
  const { name } = asked;
  const options: TopicOptions = { codec: "bytes", ...givenConfigs(asked.configs, name) };
  options.partitions = partitionsOf(asked, broker);
  broker.engine.checkTopic(name, options);
  if (validateOnly) return answer(name, options.partitions, preview(options));
  const topic = await broker.engine.createTopic(name, options);
  return { ...answer(name, topic.partitionCount, topic), topicId: topic.id };
}

function partitionsOf({ numPartitions, replicationFactor, assignments }: Asked, broker: Broker): number {
  const { anyReplicationFactor, defaultPartitions } = broker.options;
  if (assignments.length > 0) {
    if (numPartitions !== DEFAULT || replicationFactor !== DEFAULT) {
      throw new Refused(ERROR.INVALID_REQUEST, "either assignments, or numbers of partitions and replicas");
    }
    checkAssignments(assignments, anyReplicationFactor);
    return assignments.length;
  }
  if (replicationFactor !== DEFAULT && replicationFactor !== REPLICATION_FACTOR) {
    if (!anyReplicationFactor || replicationFactor < 1) {
      const message = `a replication factor of ${replicationFactor}; there is one broker, so it is 1`;
      throw new Refused(ERROR.INVALID_REPLICATION_FACTOR, message);
    }
  }
  if (numPartitions === DEFAULT) return defaultPartitions;
  if (numPartitions < 1 || numPartitions > MAX_PARTITIONS) {
    const message = `${numPartitions} partitions; a topic has from 1 to ${MAX_PARTITIONS}`;
    throw new Refused(ERROR.INVALID_PARTITIONS, message);
  }
  return numPartitions;
}

function checkAssignments(assignments: Asked["assignments"], anyReplicationFactor: boolean): void {
  const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex));
  const isGapless = assignments.every((_, index) => indexes.has(index));
  const isHere = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === NODE_ID);
  if (isGapless && (isHere || anyReplicationFactor)) return;
  const message = `partitions are numbered from 0, and their one replica is on broker ${NODE_ID}`;
  throw new Refused(ERROR.INVALID_REPLICA_ASSIGNMENT, message);
}

function preview({ partitions: _, ifNotExists: __, ...ownConfig }: TopicOptions): Pick<Topic, "config" | "ownConfig"> {
  return { ownConfig, config: fullConfig(ownConfig) };
}

function answer(name: string, numPartitions: number, topic: Pick<Topic, "config" | "ownConfig">): Answer {
  const configs = shownConfigs(topic);
  return { name, errorCode: ERROR.NONE, numPartitions, replicationFactor: REPLICATION_FACTOR, configs };
}

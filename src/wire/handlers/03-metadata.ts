/**
 * Metadata (3), versions 0–12. One broker, which leads everything and is the controller.
 *
 * Topics that are asked for by name and do not exist come into being where listener and client allow it. A partition's
 * leader epoch is −1 (unknown) until its log is open. Not here: authorized operations, racks.
 */
import type { Topic } from "../../engine/topic.ts";
import { ZERO_UUID } from "../../format/uuid.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import { type Broker, NODE_ID, OPERATIONS_NOT_ASKED } from "../broker.ts";
import { ERROR, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { Metadata } from "../messages/03-metadata.ts";
import { Turns } from "../turns.ts";

type Request = RequestOf<typeof Metadata>;
type Response = ResponseOf<typeof Metadata>;
type TopicAnswer = Response["topics"][number];

export async function metadata(request: Request, { broker, version }: Call): Promise<Response> {
  const { host, port, engine } = broker;
  const isAll = request.topics === null || (version === 0 && request.topics.length === 0);
  const topics = isAll ? [...engine.topics.values()].map(described) : await asked(request, broker, version);
  return {
    brokers: [{ nodeId: NODE_ID, host, port, rack: null }],
    clusterId: engine.clusterId,
    controllerId: NODE_ID,
    topics,
    clusterAuthorizedOperations: OPERATIONS_NOT_ASKED,
  };
}

/** Each one once, however often it is asked for. */
async function asked(request: Request, broker: Broker, version: number): Promise<TopicAnswer[]> {
  const answers = new Map<string, TopicAnswer>();
  const turns = new Turns();
  for (const { name, topicId } of request.topics ?? []) {
    const key = name ?? topicId;
    if (answers.has(key)) continue;
    const isId = name === null || (name === "" && topicId !== ZERO_UUID);
    const answer = isId ? byId(topicId, broker, version) : await byName(name, request.allowAutoTopicCreation, broker);
    answers.set(key, answer);
    await turns.after(Turns.NAME);
  }
  return [...answers.values()];
}

async function byName(name: string, mayCreate: boolean, broker: Broker): Promise<TopicAnswer> {
  try {
    const topic = broker.engine.topics.get(name) ?? (mayCreate ? await broker.autoCreate(name) : undefined);
    if (topic === undefined) {
      checkName(name, broker);
      return missing(name, ERROR.UNKNOWN_TOPIC_OR_PARTITION);
    }
    return described(topic);
  } catch (error) {
    return missing(name, refusalOf(error).errorCode);
  }
}

/** An impossible name is told from one that is only missing. */
function checkName(name: string, { engine }: Broker): void {
  if (!engine.readOnly && !name.startsWith("__")) engine.checkTopic(name);
}

/** Before version 12 a topic always has a name. */
function byId(topicId: string, broker: Broker, version: number): TopicAnswer {
  const topic = broker.topicOfId(topicId);
  if (topic !== undefined) return described(topic);
  return { ...missing(version >= 12 ? null : "", ERROR.UNKNOWN_TOPIC_ID), topicId };
}

function missing(name: string | null, errorCode: number): TopicAnswer {
  return { errorCode, name, partitions: [] };
}

function described(topic: Topic): TopicAnswer {
  const partitions = topic.partitions.flatMap((partition) => {
    if (partition === undefined) return [];
    const { index: partitionIndex, isReady, leaderEpoch } = partition;
    const replicas = { leaderId: NODE_ID, replicaNodes: [NODE_ID], isrNodes: [NODE_ID], offlineReplicas: [] };
    return [{ errorCode: ERROR.NONE, partitionIndex, leaderEpoch: isReady ? leaderEpoch : -1, ...replicas }];
  });
  const { name, id: topicId, isInternal } = topic;
  return { errorCode: ERROR.NONE, name, topicId, isInternal, partitions };
}

/**
 * Fetch (1), versions 4–13, with sessions.
 *
 * Batches go from the log to the socket as they lie. Partitions are read in the order of the request until max bytes are
 * reached; the first batch is answered however large it is, so that nobody is stuck. When there are fewer than min bytes,
 * the answer waits for appends, up to max wait, but no longer than a connection may be silent: whether the client is still there is not
 * seen before. read_committed ends at the last stable offset and lists the aborted
 * transactions of what it gives.
 *
 * A damaged batch at the offset is answered with CORRUPT_MESSAGE (2). Not here: replicas, racks.
 */
import type { Partition } from "../../engine/partition.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Broker } from "../broker.ts";
import { ERROR, Refused, refusalOf } from "../error-codes.ts";
import { type FetchPartition, type FetchSession, takeSession } from "../fetch-session.ts";
import { type Watched, waitForAppends, watched } from "../fetch-wait.ts";
import type { Call } from "../handler.ts";
import type { Fetch } from "../messages/01-fetch.ts";
import { Turns } from "../turns.ts";

type Request = RequestOf<typeof Fetch>;
type Response = ResponseOf<typeof Fetch>;
type PartitionAnswer = Response["responses"][number]["partitions"][number];

interface Answered {
  topic: string;
  answer: PartitionAnswer;
  sizeInBytes: number;
  /** Where the partition can be waited for. */
  watched: Watched | undefined;
}

interface Gathered {
  answers: Answered[];
  sizeInBytes: number;
  hasError: boolean;
}

const READ_COMMITTED = 1;

/** From this version on a topic is its id, in requests, sessions and answers. */
const FIRST_WITH_TOPIC_IDS = 13;

const NO_BOUNDS = { highWatermark: -1, lastStableOffset: -1 };

/** Reading so much, or looking at so many partitions, takes a few milliseconds. */
const BYTES_PER_TURN = 1024 * 1024;
const PARTITIONS_PER_TURN = 500;

export async function fetch(request: Request, { broker, caller, version }: Call): Promise<Response> {
  const { sessionId, sessionEpoch } = request;
  const usesTopicIds = version >= FIRST_WITH_TOPIC_IDS;
  const asked = { partitions: partitionsOf(request, usesTopicIds), forgotten: forgottenOf(request, usesTopicIds) };
  let taken: ReturnType<typeof takeSession>;
  try {
    taken = takeSession(caller, { sessionId, sessionEpoch, usesTopicIds, ...asked });
  } catch (error) {
    return { errorCode: refusalOf(error).errorCode, sessionId: 0, responses: [] };
  }
  const { partitions, session, isIncremental } = taken;
  const maxWaitMs = Math.min(Math.max(request.maxWaitMs, 0), broker.options.idleTimeoutMs);
  const deadline = broker.engine.clock.monotonic() + maxWaitMs;
  let gathered = await gather(partitions, request, usesTopicIds, broker);
  while (gathered.sizeInBytes < request.minBytes && !gathered.hasError && !caller.isEnding) {
    const all = gathered.answers.flatMap(({ watched }) => watched ?? []);
    const missing = request.minBytes - gathered.sizeInBytes;
    const left = deadline - broker.engine.clock.monotonic();
    if (left <= 0 || !(await waitForAppends(all, missing, left, broker.engine.clock, caller))) break;
    gathered = await gather(partitions, request, usesTopicIds, broker);
  }
  const answers = session ? newsOf(session, gathered.answers, isIncremental) : gathered.answers;
  return { errorCode: ERROR.NONE, sessionId: session?.id ?? 0, responses: byTopic(answers, usesTopicIds) };
}

async function gather(
  partitions: readonly FetchPartition[],
  { maxBytes: most, isolationLevel }: Request,
  usesTopicIds: boolean,
  broker: Broker,
): Promise<Gathered> {
  const gathered: Gathered = { answers: [], sizeInBytes: 0, hasError: false };
  const maxBytes = Math.min(most, broker.options.maxFetchBytes);
  const turns = new Turns();
  for (const asked of partitions) {
    const name = usesTopicIds ? broker.topicOfId(asked.topic)?.name : asked.topic;
    const bytesLeft = maxBytes - gathered.sizeInBytes;
    const answered =
      name === undefined
        ? unknownTopicId(asked)
        : await answerOf(asked, name, isolationLevel, bytesLeft, gathered, broker);
    gathered.answers.push(answered);
    gathered.sizeInBytes += answered.sizeInBytes;
    gathered.hasError ||= answered.answer.errorCode !== ERROR.NONE;
    const turn = turns.after(1 / PARTITIONS_PER_TURN + answered.sizeInBytes / BYTES_PER_TURN);
    if (turn !== undefined) await turn;
  }
  return gathered;
}

async function answerOf(
  asked: FetchPartition,
  name: string,
  isolationLevel: number,
  bytesLeft: number,
  gathered: Gathered,
  broker: Broker,
): Promise<Answered> {
  const { topic, partition: partitionIndex } = asked;
  try {
    const partition = await broker.partition(name, partitionIndex, asked.leaderEpoch);
    const isFirst = gathered.sizeInBytes === 0;
    const answer = read(partition, asked, isolationLevel === READ_COMMITTED, bytesLeft, isFirst);
    const sizeInBytes = (answer.records ?? []).reduce((sum, batch) => sum + batch.sizeInBytes, 0);
    return { topic, answer, sizeInBytes, watched: watched(partition) };
  } catch (error) {
    const { errorCode } = refusalOf(error);
    const partition = broker.engine.topics.get(name)?.partitions[partitionIndex];
    return failed(topic, { partitionIndex, errorCode, ...(partition?.isReady ? boundsOf(partition) : NO_BOUNDS) });
  }
}

function unknownTopicId({ topic, partition: partitionIndex }: FetchPartition): Answered {
  return failed(topic, { partitionIndex, errorCode: ERROR.UNKNOWN_TOPIC_ID, ...NO_BOUNDS });
}

function failed(topic: string, answer: Omit<PartitionAnswer, "abortedTransactions" | "records">): Answered {
  return { topic, answer: { ...answer, abortedTransactions: null, records: [] }, sizeInBytes: 0, watched: undefined };
}

function read(
  partition: Partition,
  asked: FetchPartition,
  isCommitted: boolean,
  bytesLeft: number,
  isFirst: boolean,
): PartitionAnswer {
  const { fetchOffset } = asked;
  const bounds = boundsOf(partition);
  const answer = { partitionIndex: partition.index, errorCode: ERROR.NONE, ...bounds };
  const none = { ...answer, abortedTransactions: isCommitted ? [] : null, records: [] };
  const divergingEpoch = divergence(partition, asked);
  if (divergingEpoch) return { ...none, divergingEpoch };
  if (fetchOffset < partition.startOffset || fetchOffset > bounds.highWatermark) {
    const range = `${partition.startOffset} to ${bounds.highWatermark}`;
    throw new Refused(ERROR.OFFSET_OUT_OF_RANGE, `offset ${fetchOffset} is outside ${range}`);
  }
  const limit = isCommitted ? bounds.lastStableOffset : bounds.highWatermark;
  const maxBytes = Math.min(asked.maxBytes, bytesLeft);
  if (maxBytes <= 0 && !isFirst) return none;
  const records = withinBytes(partition.read(fetchOffset, Math.max(maxBytes, 1), limit), maxBytes, isFirst);
  if (records.length === 0 || !isCommitted) return { ...none, records };
  const nextOffset = records[records.length - 1].nextOffset;
  return { ...none, abortedTransactions: partition.abortedTransactions(fetchOffset, nextOffset), records };
}

/** What the log reads may be a little more than it was asked for. */
function withinBytes<B extends { sizeInBytes: number }>(batches: B[], maxBytes: number, isFirst: boolean): B[] {
  let size = 0;
  for (let i = 0; i < batches.length; i++) {
    size += batches[i].sizeInBytes;
    if (size > maxBytes && !(isFirst && i === 0)) return batches.slice(0, i);
  }
  return batches;
}

function boundsOf(partition: Partition): { highWatermark: number; lastStableOffset: number; logStartOffset: number } {
  const { highWatermark, lastStableOffset, startOffset: logStartOffset } = partition;
  return { highWatermark, lastStableOffset, logStartOffset };
}

/** Where a client whose last batch was of another epoch than ours has to go back to. */
function divergence(partition: Partition, { lastFetchedEpoch, fetchOffset }: FetchPartition) {
  if (lastFetchedEpoch < 0) return undefined;
  const end = partition.endOfLeaderEpoch(lastFetchedEpoch);
  if (end === undefined) throw new Refused(ERROR.UNKNOWN_LEADER_EPOCH, `there is no epoch ${lastFetchedEpoch} yet`);
  return end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset ? end : undefined;
}

/** What a session answers. A new one answers everything, and only notes it. */
function newsOf(session: FetchSession, answers: readonly Answered[], isIncremental: boolean): Answered[] {
  return answers.filter(({ topic, answer, sizeInBytes }) => {
    const { partitionIndex, errorCode, highWatermark, logStartOffset = -1 } = answer;
    const hasRecords = sizeInBytes > 0;
    const isNews = session.note({ topic, partitionIndex, errorCode, highWatermark, logStartOffset, hasRecords });
    return isNews || !isIncremental;
  });
}

/** In the order of the answers; partitions of a topic that stand apart stay so. */
function byTopic(answers: readonly Answered[], usesTopicIds: boolean): Response["responses"] {
  const runs: { topic: string; partitions: PartitionAnswer[] }[] = [];
  for (const { topic, answer } of answers) {
    const last = runs[runs.length - 1];
    if (last?.topic === topic) last.partitions.push(answer);
    else runs.push({ topic, partitions: [answer] });
  }
  return usesTopicIds ? runs.map(({ topic: topicId, partitions }) => ({ topicId, partitions })) : runs;
}

function partitionsOf({ topics }: Request, usesTopicIds: boolean): FetchPartition[] {
  return topics.flatMap(({ topic: name, topicId, partitions }) =>
    partitions.map(({ partition, fetchOffset, partitionMaxBytes: maxBytes, currentLeaderEpoch, lastFetchedEpoch }) => {
      const topic = usesTopicIds ? topicId : name;
      return { topic, partition, fetchOffset, maxBytes, leaderEpoch: currentLeaderEpoch, lastFetchedEpoch };
    }),
  );
}

function forgottenOf({ forgottenTopicsData }: Request, usesTopicIds: boolean): { topic: string; partition: number }[] {
  return forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({ topic: usesTopicIds ? topicId : topic, partition })),
  );
}

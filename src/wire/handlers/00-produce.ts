/**
 * Produce (0). Versions 3–11; before 3 every partition is answered with UNSUPPORTED_VERSION (35).
 *
 * Each partition is answered for itself: a bad batch does not keep the others out. acks 1 and −1 answer once the batches
 * have their topic's durability, and the client's next request is taken meanwhile; acks 0 is not answered, and an error then
 * closes the connection, as Kafka does: it is the only way to tell.
 *
 * An idempotent producer's batch that is there already is answered with the offset it has. A batch of a transaction is taken
 * only where its partition was added to that before. The timeout is not looked at: there are no replicas to wait for. Not here:
 * the current leader in a tag; partitions that join a transaction by being produced to, which begins with version 12.
 */
import type { Partition } from "../../engine/partition.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR, Refused, refusalOf } from "../error-codes.ts";
import { type Answer, type Call, Later, NO_REPLY, Unanswerable } from "../handler.ts";
import type { Produce } from "../messages/00-produce.ts";
import { checkProduced, type ProducedBatch } from "../produced-batch.ts";
import { transactionRefusalOf } from "../transaction-errors.ts";
import { Turns } from "../turns.ts";

type Request = RequestOf<typeof Produce>;
type PartitionAnswer = ResponseOf<typeof Produce>["responses"][number]["partitionResponses"][number];

/** What was appended, and when it may be answered. */
interface Outcome {
  answer: PartitionAnswer;
  acknowledged?: Promise<void>;
}

const FIRST_VERSION = 3;

/** Checking and writing so much takes a few milliseconds, also where the batches are tiny. */
const BYTES_PER_TURN = 1024 * 1024;
const PARTITIONS_PER_TURN = 200;

export async function produce(request: Request, call: Call): Promise<Answer<typeof Produce>> {
  const { acks, topicData, transactionalId = null } = request;
  const given = { acks, transactionalId };
  const topics: { name: string; outcomes: Outcome[] }[] = [];
  const turns = new Turns();
  for (const { name, partitionData } of topicData) {
    const outcomes: Outcome[] = [];
    for (const { index, records } of partitionData) {
      outcomes.push(await outcomeOf(name, index, records, given, call));
      const turn = turns.after(1 / PARTITIONS_PER_TURN + (records?.length ?? 0) / BYTES_PER_TURN);
      if (turn !== undefined) await turn;
    }
    topics.push({ name, outcomes });
  }
  if (acks === 0 && call.version >= FIRST_VERSION) return unanswered(topics.flatMap(({ outcomes }) => outcomes));
  if (topics.every(({ outcomes }) => outcomes.every(({ acknowledged }) => acknowledged === undefined))) {
    return { responses: topics.map(({ name, outcomes }) => ({ name, partitionResponses: outcomes.map(answerOf) })) };
  }
  return new Later(whenAcknowledged(topics));
}

async function whenAcknowledged(
  topics: readonly { name: string; outcomes: Outcome[] }[],
): Promise<ResponseOf<typeof Produce>> {
  const responses = topics.map(async ({ name, outcomes }) => {
    return { name, partitionResponses: await Promise.all(outcomes.map(settled)) };
  });
  return { responses: await Promise.all(responses) };
}

async function settled({ answer, acknowledged }: Outcome): Promise<PartitionAnswer> {
  try {
    await acknowledged;
    return answer;
  } catch (error) {
    return refused(answer.index, error);
  }
}

function answerOf({ answer }: Outcome): PartitionAnswer {
  return answer;
}

function unanswered(outcomes: readonly Outcome[]): typeof NO_REPLY {
  for (const { acknowledged } of outcomes) acknowledged?.catch(() => {});
  const failed = outcomes.find(({ answer }) => answer.errorCode !== ERROR.NONE);
  if (failed) throw new Unanswerable(`a produce request with acks=0 failed: ${failed.answer.errorMessage}`);
  return NO_REPLY;
}

async function outcomeOf(
  topic: string,
  index: number,
  records: Uint8Array | null,
  { acks, transactionalId }: Pick<Request, "acks" | "transactionalId">,
  { broker, version }: Call,
): Promise<Outcome> {
  try {
    if (version < FIRST_VERSION) throw new Refused(ERROR.UNSUPPORTED_VERSION, `Produce ${version} is too old`);
    if (acks < -1 || acks > 1) throw new Refused(ERROR.INVALID_REQUIRED_ACKS, `acks ${acks} is not −1, 0 or 1`);
    const partition = await broker.partition(topic, index);
    const produced = checkProduced(records ?? new Uint8Array(0), version, partition, broker.engine.clock.now());
    if (produced.batch.isTransactional && transactionalId === null) {
      throw new Refused(
        ERROR.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        "a batch of a transaction without a transactional id",
      );
    }
    return append(partition, produced);
  } catch (error) {
    return { answer: refused(index, error) };
  }
}

function append(partition: Partition, { sealed, logAppendTimeMs }: ProducedBatch): Outcome {
  const { index } = partition;
  const baseOffset = partition.append(sealed);
  return outcome(
    partition,
    { index, errorCode: ERROR.NONE, baseOffset, logAppendTimeMs },
    baseOffset + sealed.recordCount,
  );
}

function outcome(partition: Partition, answer: PartitionAnswer, nextOffset: number): Outcome {
  const acknowledged = partition.acknowledged(nextOffset);
  // Else a second one that fails in the same moment would be nobody's.
  acknowledged?.catch(() => {});
  return { answer: { ...answer, logStartOffset: partition.startOffset }, acknowledged };
}

function refused(index: number, error: unknown): PartitionAnswer {
  return { index, baseOffset: -1, ...(transactionRefusalOf(error) ?? refusalOf(error)) };
}

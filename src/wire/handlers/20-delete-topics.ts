/** DeleteTopics (20), versions 1–6: by name, or from 6 on also by id. The log's own topics stay. The timeout is not looked at. */

import { ZERO_UUID } from "../../format/uuid.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Broker } from "../broker.ts";
import { ERROR, Refused, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { DeleteTopics } from "../messages/20-delete-topics.ts";
import { Turns } from "../turns.ts";

type Answer = ResponseOf<typeof DeleteTopics>["responses"][number];

interface Asked {
  name: string | null;
  topicId: string;
}

export async function deleteTopics(
  { topics, topicNames }: RequestOf<typeof DeleteTopics>,
  { broker }: Call,
): Promise<ResponseOf<typeof DeleteTopics>> {
  const all: Asked[] = [...topicNames.map((name) => ({ name, topicId: ZERO_UUID })), ...topics];
  const responses: Answer[] = [];
  const turns = new Turns();
  for (const asked of all) {
    responses.push(await deleted(asked, broker));
    await turns.after(Turns.NAME);
  }
  return { responses };
}

async function deleted(asked: Asked, broker: Broker): Promise<Answer> {
  const { name, topicId } = asked;
  try {
    const topic = name === null ? broker.topicOfId(topicId) : broker.engine.topic(name);
    if (topic === undefined) throw new Refused(ERROR.UNKNOWN_TOPIC_ID, `there is no topic with the id ${topicId}`);
    await broker.engine.deleteTopic(topic.name);
    return { name: topic.name, topicId: topic.id, errorCode: ERROR.NONE };
  } catch (error) {
    return { name, topicId, ...refusalOf(error) };
  }
}

/** CreatePartitions (37), versions 0–3. Assignments may name this broker and no other. The timeout is not looked at. */
import { MAX_PARTITIONS } from "../../engine/config.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import { type Broker, NODE_ID } from "../broker.ts";
import { ERROR, Refused, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { CreatePartitions } from "../messages/37-create-partitions.ts";
import { Turns } from "../turns.ts";

type Request = RequestOf<typeof CreatePartitions>;
type Asked = Request["topics"][number];
type Answer = ResponseOf<typeof CreatePartitions>["results"][number];

export async function createPartitions(
  { topics, validateOnly }: Request,
  { broker }: Call,
): Promise<ResponseOf<typeof CreatePartitions>> {
  const results: Answer[] = [];
  const turns = new Turns();
  for (const asked of topics) {
    const { name } = asked;
    try {
      await grow(asked, validateOnly, broker);
      results.push({ name, errorCode: ERROR.NONE });
    } catch (error) {
      results.push({ name, ...refusalOf(error) });
    }
    await turns.after(Turns.NAME);
  }
  return { results };
}

async function grow({ name, count, assignments }: Asked, validateOnly: boolean, broker: Broker): Promise<void> {
  const topic = broker.engine.topic(name);
  const { partitionCount } = topic;
  if (count <= partitionCount || count > MAX_PARTITIONS) {
    const message = `the topic ${name} has ${partitionCount} partitions; it can get more, up to ${MAX_PARTITIONS}, not ${count}`;
    throw new Refused(ERROR.INVALID_PARTITIONS, message);
  }
  if (assignments !== null) {
    const isHere = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === NODE_ID);
    if (!isHere || assignments.length !== count - partitionCount) {
      const message = `each new partition has one replica, on broker ${NODE_ID}`;
      throw new Refused(ERROR.INVALID_REPLICA_ASSIGNMENT, message);
    }
  }
  if (!validateOnly) await topic.addPartitions(count);
}

/**
 * ListOffsets (2), versions 1–7: earliest (−2), latest (−1), that of the largest timestamp (−3), or the first record at or
 * after a time. Latest is where a reader of the given isolation stops. What lies past that is not found: offset −1.
 */
import type { Partition } from "../../engine/partition.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR, Refused, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { ListOffsets } from "../messages/02-list-offsets.ts";
import { Turns } from "../turns.ts";

type Request = RequestOf<typeof ListOffsets>;
type Response = ResponseOf<typeof ListOffsets>;
type Asked = Request["topics"][number]["partitions"][number];
type Found = Pick<Response["topics"][number]["partitions"][number], "offset" | "timestamp" | "leaderEpoch">;

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const READ_COMMITTED = 1;

const NOTHING: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 };

/** A search by time reads a few pieces of a file. */
const PARTITIONS_PER_TURN = 30;

export async function listOffsets({ topics, isolationLevel }: Request, { broker }: Call): Promise<Response> {
  const turns = new Turns();
  const answered: Response["topics"][number][] = [];
  for (const { name, partitions } of topics) {
    const answers: Response["topics"][number]["partitions"][number][] = [];
    for (const asked of partitions) {
      const { partitionIndex, currentLeaderEpoch } = asked;
      try {
        const partition = await broker.partition(name, partitionIndex, currentLeaderEpoch);
        const limit = partition.bound(isolationLevel === READ_COMMITTED ? "read_committed" : "read_uncommitted", false);
        answers.push({ partitionIndex, errorCode: ERROR.NONE, ...find(partition, asked, limit) });
      } catch (error) {
        answers.push({ partitionIndex, errorCode: refusalOf(error).errorCode, ...NOTHING });
      }
      const turn = turns.after(1 / PARTITIONS_PER_TURN);
      if (turn !== undefined) await turn;
    }
    answered.push({ name, partitions: answers });
  }
  return { topics: answered };
}

function find(partition: Partition, { timestamp }: Asked, limit: number): Found {
  if (timestamp === LATEST) return { offset: limit, timestamp: -1, leaderEpoch: partition.leaderEpoch };
  if (timestamp === EARLIEST) return withEpoch(partition, { offset: partition.startOffset, timestamp: -1 });
  if (timestamp < MAX_TIMESTAMP) throw new Refused(ERROR.UNSUPPORTED_VERSION, `no offset is called ${timestamp} here`);
  const found =
    timestamp === MAX_TIMESTAMP ? partition.offsetOfMaxTimestamp() : partition.offsetForTimestamp(timestamp);
  return found === undefined || found.offset >= limit ? NOTHING : withEpoch(partition, found);
}

function withEpoch(partition: Partition, found: { offset: number; timestamp: number }): Found {
  return { ...found, leaderEpoch: partition.leaderEpochAt(found.offset) };
}

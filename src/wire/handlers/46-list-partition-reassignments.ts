/** ListPartitionReassignments (46), version 0: with one broker nothing is ever on the move. */
import type { ResponseOf } from "../api.ts";
import { ERROR } from "../error-codes.ts";
import type { ListPartitionReassignments } from "../messages/46-list-partition-reassignments.ts";

export function listPartitionReassignments(): ResponseOf<typeof ListPartitionReassignments> {
  return { errorCode: ERROR.NONE, topics: [] };
}

/**
 * OffsetFetch (key 9, versions 1–9): what a group has committed. No topics: all of them, from version 2 on.
 *
 *   2  an error for the whole   5  leader epoch   6  flexible   7  stable offsets only   8  several groups   9  member epoch
 */
import {
  array,
  bool,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
  until,
} from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const AskedTopic = struct({
  name: string,
  partitionIndexes: array(int32),
});

const AskedGroup = struct({
  groupId: string,
  memberId: since(9, nullableString),
  memberEpoch: since(9, int32, -1),
  topics: nullableArray(AskedTopic),
});

const request = struct({
  groupId: until(7, string),
  topics: until(7, nullableArray(AskedTopic)),
  groups: since(8, array(AskedGroup)),
  requireStable: since(7, bool),
});

const PartitionAnswer = struct({
  partitionIndex: int32,
  committedOffset: int64,
  committedLeaderEpoch: since(5, int32, -1),
  metadata: nullableString,
  errorCode: int16,
});

const TopicAnswer = struct({
  name: string,
  partitions: array(PartitionAnswer),
});

const GroupAnswer = struct({
  groupId: string,
  topics: array(TopicAnswer),
  errorCode: int16,
});

const response = struct({
  throttleTimeMs: since(3, int32),
  topics: until(7, array(TopicAnswer)),
  errorCode: until(7, since(2, int16)),
  groups: since(8, array(GroupAnswer)),
});

export const OffsetFetch = defineApi({
  key: 9,
  name: "OffsetFetch",
  versions: [1, 9],
  flexibleFrom: 6,
  request,
  response,
});

/**
 * DeleteTopics (key 20, versions 1–6): deletes topics, by name or, from 6 on, by id.
 *
 *   4  flexible   5  error message   6  topic ids
 */
import { array, int16, int32, nullableString, since, string, struct, until, uuid } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const DeleteTopicState = struct({
  name: nullableString,
  topicId: uuid,
});

const request = struct({
  topics: since(6, array(DeleteTopicState)),
  topicNames: until(5, array(string)),
  timeoutMs: int32,
});

const DeletableTopicResult = struct({
  name: nullableString,
  topicId: since(6, uuid),
  errorCode: int16,
  errorMessage: since(5, nullableString),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  responses: array(DeletableTopicResult),
});

export const DeleteTopics = defineApi({
  key: 20,
  name: "DeleteTopics",
  versions: [1, 6],
  flexibleFrom: 4,
  request,
  response,
});

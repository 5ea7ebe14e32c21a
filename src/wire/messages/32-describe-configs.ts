/**
 * DescribeConfigs (key 32, versions 1–4): the configuration of topics and brokers.
 *
 *   1  source and synonyms   3  types and documentation   4  flexible
 */
import {
  array,
  bool,
  int8,
  int16,
  int32,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
} from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const DescribeConfigsResource = struct({
  resourceType: int8,
  resourceName: string,
  configurationKeys: nullableArray(string),
});

const request = struct({
  resources: array(DescribeConfigsResource),
  includeSynonyms: bool,
  includeDocumentation: since(3, bool),
});

const DescribeConfigsSynonym = struct({
  name: string,
  value: nullableString,
  source: int8,
});

const DescribeConfigsResourceResult = struct({
  name: string,
  value: nullableString,
  readOnly: bool,
  configSource: since(0, int8, -1),
  isSensitive: bool,
  synonyms: array(DescribeConfigsSynonym),
  configType: since(3, int8),
  documentation: since(3, nullableString),
});

const DescribeConfigsResult = struct({
  errorCode: int16,
  errorMessage: since(0, nullableString),
  resourceType: int8,
  resourceName: string,
  configs: array(DescribeConfigsResourceResult),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  results: array(DescribeConfigsResult),
});

export const DescribeConfigs = defineApi({
  key: 32,
  name: "DescribeConfigs",
  versions: [1, 4],
  flexibleFrom: 4,
  request,
  response,
});

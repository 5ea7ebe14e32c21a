/**
 * IncrementalAlterConfigs (key 44, versions 0–1): changes configuration entries one by one.
 *
 * Operations: 0 set, 1 delete, 2 append to a list, 3 subtract from it.
 *
 *   1  flexible
 */
import { array, bool, int8, int16, int32, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const AlterableConfig = struct({
  name: string,
  configOperation: int8,
  value: nullableString,
});

const AlterConfigsResource = struct({
  resourceType: int8,
  resourceName: string,
  configs: array(AlterableConfig),
});

const request = struct({
  resources: array(AlterConfigsResource),
  validateOnly: bool,
});

const AlterConfigsResourceResponse = struct({
  errorCode: int16,
  errorMessage: since(0, nullableString),
  resourceType: int8,
  resourceName: string,
});

const response = struct({
  throttleTimeMs: since(0, int32),
  responses: array(AlterConfigsResourceResponse),
});

export const IncrementalAlterConfigs = defineApi({
  key: 44,
  name: "IncrementalAlterConfigs",
  versions: [0, 1],
  flexibleFrom: 1,
  request,
  response,
});

/**
 * ApiVersions (key 18, versions 0–4): which APIs and versions there are.
 *
 * The response header is of version 0 always: a client reads it before it knows what the broker speaks.
 *
 *   1  throttle time   3  flexible, the client's name, features   4  features whose least version is 0
 */
import { array, bool, int16, int32, int64, since, string, struct, tagged } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  clientSoftwareName: since(3, string),
  clientSoftwareVersion: since(3, string),
});

const ApiVersion = struct({
  apiKey: int16,
  minVersion: int16,
  maxVersion: int16,
});

const SupportedFeatureKey = struct({
  name: string,
  minVersion: int16,
  maxVersion: int16,
});

const FinalizedFeatureKey = struct({
  name: string,
  maxVersionLevel: int16,
  minVersionLevel: int16,
});

const response = struct({
  errorCode: int16,
  apiKeys: array(ApiVersion),
  throttleTimeMs: since(1, int32),
  supportedFeatures: tagged(0, 3, array(SupportedFeatureKey)),
  finalizedFeaturesEpoch: tagged(1, 3, int64, -1),
  finalizedFeatures: tagged(2, 3, array(FinalizedFeatureKey)),
  zkMigrationReady: tagged(3, 3, bool),
});

export const ApiVersions = defineApi({
  key: 18,
  name: "ApiVersions",
  versions: [0, 4],
  flexibleFrom: 3,
  request,
  response,
});

/**
 * kafkajs. No other codec than gzip is built in. Its headers are an object, in which those of one name stand together and
 * none is null when it sends.
 */
import { nodeDriver } from "./commands.ts";
import { withEmptyForNullHeaders, withGroupedHeaders } from "./records.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "kafkajs 2.2.4",
  command: nodeDriver("kafkajs"),
  codecs: ["gzip"],
  lacks: ["alterConfigs"],
  sendable: (record) => withEmptyForNullHeaders(withGroupedHeaders(record)),
  shown: withGroupedHeaders,
});

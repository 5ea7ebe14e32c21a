/** confluent-kafka: librdkafka in Python. */
import { pythonDriver } from "./commands.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "confluent-kafka 2.16.1",
  command: pythonDriver("confluent"),
  codecs: ["gzip", "snappy", "lz4", "zstd"],
});

/** confluent-kafka: librdkafka in Python. */
import { join } from "node:path";
import { CACHE, testClient } from "./suite.ts";

testClient({
  name: "confluent-kafka 2.16.1",
  command: [join(CACHE, "py/bin/python"), join(import.meta.dirname, "drivers/confluent.py")],
  codecs: ["gzip", "snappy", "lz4", "zstd"],
});

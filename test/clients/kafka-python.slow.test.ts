/** kafka-python, which takes its codecs from other packages. The headers that it sends have a value always. */
import { pythonDriver } from "./commands.ts";
import { withEmptyForNullHeaders } from "./records.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "kafka-python 3.0.12",
  command: pythonDriver("kafka_python"),
  codecs: ["gzip", "snappy", "lz4", "zstd"],
  sendable: withEmptyForNullHeaders,
});

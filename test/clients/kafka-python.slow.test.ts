/** kafka-python, which takes its codecs from other packages. The headers that it sends have a value always. */
import { join } from "node:path";
import { withEmptyForNullHeaders } from "./records.ts";
import { CACHE, testClient } from "./suite.ts";

testClient({
  name: "kafka-python 3.0.12",
  command: [join(CACHE, "py/bin/python"), join(import.meta.dirname, "drivers/kafka_python.py")],
  codecs: ["gzip", "snappy", "lz4", "zstd"],
  sendable: withEmptyForNullHeaders,
});

/** segmentio/kafka-go, whose writers are never idempotent. */
import { join } from "node:path";
import { CACHE, testClient } from "./suite.ts";

testClient({
  name: "kafka-go 0.4.51",
  command: [join(CACHE, "go/segmentio")],
  codecs: ["gzip", "snappy", "lz4", "zstd"],
  isNeverIdempotent: true,
});

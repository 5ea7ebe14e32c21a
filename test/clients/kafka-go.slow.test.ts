/** segmentio/kafka-go, whose writers are never idempotent, and which reads what is empty as null. */
import { join } from "node:path";
import { withNullForEmpty } from "./records.ts";
import { CACHE, testClient } from "./suite.ts";

testClient({
  name: "kafka-go 0.4.51",
  command: [join(CACHE, "go/segmentio")],
  codecs: ["gzip", "snappy", "lz4", "zstd"],
  isNeverIdempotent: true,
  shown: withNullForEmpty,
});

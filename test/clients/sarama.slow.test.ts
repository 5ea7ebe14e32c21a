/** sarama. Its administrator and its group consumer are its own; the range strategy is its default. */
import { join } from "node:path";
import { CACHE, testClient } from "./suite.ts";

testClient({
  name: "sarama 1.61.1",
  command: [join(CACHE, "go/sarama")],
  codecs: ["gzip", "snappy", "lz4", "zstd"],
});

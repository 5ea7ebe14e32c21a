/** Kafka's Java client. */
import { JAVA } from "./commands.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "Java client 4.1.1",
  command: JAVA,
  codecs: ["gzip", "snappy", "lz4", "zstd"],
});

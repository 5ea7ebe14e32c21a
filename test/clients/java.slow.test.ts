/** Kafka's Java client. */
import { join } from "node:path";
import { CACHE, KAFKA_LIBS, testClient } from "./suite.ts";

testClient({
  name: "Java client 4.1.1",
  command: ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", `${join(CACHE, "java")}:${KAFKA_LIBS}`, "Driver"],
  codecs: ["gzip", "snappy", "lz4", "zstd"],
});

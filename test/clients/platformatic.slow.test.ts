/**
 * @platformatic/kafka. It has zstd as well, where Node has (22.15); here it is left out. Of snappy it knows the plain
 * format only, not the framed one, which the Java client and we write.
 *
 * A new producer of its says that it has the producer id 0 and the epoch 0, by which Kafka fences it when the transactional id had
 * another one before; so it cannot take over. Where it reads committed records only, it leaves out no more than the last of the
 * aborted transactions that a producer has in one fetch.
 */
import { CACHE, nodeDriver } from "./commands.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "@platformatic/kafka 1.35.0",
  command: nodeDriver("platformatic"),
  env: { VARVE_CLIENTS: CACHE },
  codecs: ["gzip", "snappy", "lz4"],
  ownCodecs: ["snappy"],
  handlesLostPartitions: true,
  cannotTakeOver: true,
  forgetsAborted: true,
});

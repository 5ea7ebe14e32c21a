/** The first record of a client that was there before its broker: it knocks until somebody opens, and has the topic made. */
import { setTimeout as pause } from "node:timers/promises";
import { Produce } from "../../src/wire/messages/00-produce.ts";
import { Metadata } from "../../src/wire/messages/03-metadata.ts";
import { batchOf, WireClient } from "./wire-client.ts";

/** Resolves once the record is acknowledged. The client is the caller's to close. */
export async function produceFirst(port: number): Promise<WireClient> {
  const client = await knock(port);
  await client.call(Metadata, 9, { topics: [{ name: "t" }], allowAutoTopicCreation: true });
  const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(["hello"]) }] }];
  const answer = await client.call(Produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData });
  const [{ errorCode, baseOffset }] = answer.responses[0].partitionResponses;
  if (errorCode !== 0 || Number(baseOffset) !== 0) {
    throw new Error(`the first record was answered with the error ${errorCode}, at offset ${baseOffset}`);
  }
  return client;
}

async function knock(port: number): Promise<WireClient> {
  for (;;) {
    try {
      return await WireClient.connect(port);
    } catch {
      // Nobody is there yet.
      await pause(1);
    }
  }
}

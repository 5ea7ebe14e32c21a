/** A session of transactions, answered by a real broker and by our listener: call by call the same. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { ANSWERS_OF_KAFKA, transactionSession } from "../wire/transaction-session.ts";
import { startListener } from "../wire/wire-client.ts";
import { KafkaBroker } from "./broker.ts";

let kafka: KafkaBroker;
beforeAll(async () => {
  kafka = await KafkaBroker.start();
});
afterAll(() => kafka?.remove());

it("Kafka and we answer the same, and what the unit tests take for Kafka's answers is right", async () => {
  const theirs = await transactionSession(kafka.port);
  const { engine, listener } = await startListener();
  const ours = await transactionSession(listener.port);
  await engine.close();
  expect(ours).toEqual(theirs);
  expect(ANSWERS_OF_KAFKA).toEqual(theirs);
});

/**
 * The part of the tour about transactions: transfers between accounts, two records each in topics of their own, every
 * third of them given up when its records were in the log already. A consumer looks on, and must see both records of
 * each other transfer and nothing else.
 */
import type { Topic, VarveLog } from "../index.ts";
import type { Guide } from "./guide.ts";
import { plural } from "./numbers.ts";

interface Booking {
  transfer: number;
  cents: number;
}

const TRANSFERS = 300;
const GIVEN_UP = 3;

class GivenUp extends Error {}

export async function transfer(guide: Guide, log: VarveLog): Promise<void> {
  const debits = await log.createTopic<Booking>("debits", { partitions: 2 });
  const credits = await log.createTopic<Booking>("credits");
  const consumer = log.consumer<Booking>({ topics: [debits, credits] });
  const found: Booking[] = [];
  const looking = (async () => {
    for await (const { value } of consumer) found.push(value!);
  })();
  const committed = await bookAll(log, debits, credits);
  await consumer.caughtUp();
  await consumer.close();
  await looking;
  await guide.tell(`${committed} of ${plural(TRANSFERS, "transfer")} were committed, the others aborted`);
  const stored = await countAll([debits, credits], "read_uncommitted");
  await guide.check(
    `a consumer that looked on saw both records of each, and none of the ${stored - 2 * committed} that were aborted`,
    problemIn(found, committed),
  );
  const later = await countAll([debits, credits], "read_committed");
  await guide.check("so does every later reader", later === 2 * committed ? undefined : `${later} records are read`);
}

/** Returns how many were committed. */
async function bookAll(log: VarveLog, debits: Topic<Booking>, credits: Topic<Booking>): Promise<number> {
  const producer = log.producer({ transactionalId: "transfers" });
  let committed = 0;
  for (let number = 1; number <= TRANSFERS; number++) {
    try {
      await producer.transaction(async (tx) => {
        tx.send(debits, { key: `account ${number % 7}`, value: { transfer: number, cents: -number } });
        tx.send(credits, { key: `account ${number % 5}`, value: { transfer: number, cents: number } });
        await producer.flush();
        if (number % GIVEN_UP === 0) throw new GivenUp();
      });
      committed++;
    } catch (error) {
      if (!(error instanceof GivenUp)) throw error;
    }
  }
  await producer.close();
  return committed;
}

function problemIn(found: readonly Booking[], committed: number): string | undefined {
  const sums = new Map<number, number>();
  for (const { transfer, cents } of found) sums.set(transfer, (sums.get(transfer) ?? 0) + cents);
  if (found.length !== 2 * committed) return `it saw ${plural(found.length, "record")}`;
  for (const [transfer, sum] of sums) {
    if (sum !== 0) return `it saw one side of transfer ${transfer}`;
    if (transfer % GIVEN_UP === 0) return `it saw transfer ${transfer}, which was aborted`;
  }
  return undefined;
}

async function countAll(topics: readonly Topic<Booking>[], isolation: "read_committed" | "read_uncommitted") {
  const counts = await Promise.all(topics.map(async (topic) => (await topic.all({ isolation })).length));
  return counts.reduce((sum, count) => sum + count, 0);
}

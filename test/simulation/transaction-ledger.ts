/**
 * A transaction as its producer knows it, and what became of it: whether its records are committed is told by the marker behind
 * them, and what readers are served must agree. (They see a committed record later, where another transaction is open before it.)
 *
 *   open     nothing of it may be seen
 *   ending   to be committed: all of it may be seen, or nothing
 *   ended    it was promised: all of it is seen, or, aborted, nothing
 *   lost     an open found it neither committed nor to be: nothing of it may ever be seen
 */
import type { Fact, GroupPlace, Ledger, Observed } from "./ledger.ts";
import { endsTransactionOf, isCommitText, isGone } from "./observe.ts";

export interface Place {
  topic: string;
  partition: number;
  offset: number;
}

interface SentRecord extends Place {
  epoch: number;
  text: string;
}

export class TransactionLedger {
  state: "open" | "ending" | "ended" | "lost" = "open";
  /** "abort" until it is to be committed. */
  outcome: "commit" | "abort" = "abort";
  isPower = false;
  /** The end itself survives the death of the machine. */
  isSynced = false;
  #records: SentRecord[] = [];
  #commits: readonly GroupPlace[] = [];
  /** Of one that is torn: what an open has found aborted, or gone. */
  #lost: readonly SentRecord[] = [];

  send({ topic, partition, offset, epoch, texts }: Extract<Fact, { type: "sending" }>): void {
    for (const [i, text] of texts.entries()) {
      this.#records.push({ topic, partition, offset: offset + i, epoch, text });
    }
  }

  refuse({ topic, partition, offset }: Place): void {
    this.#records = this.#records.filter(
      (record) => record.topic !== topic || record.partition !== partition || record.offset < offset,
    );
  }

  end({ outcome, isPower, commits }: Extract<Fact, { type: "ending" }>): void {
    this.state = "ending";
    this.outcome = outcome;
    this.isPower = isPower;
    this.#commits = commits;
  }

  /**
   * An open came back, and this is what there is: what is not seen, of a torn one too, never will be. The markers that make it seen
   * may be the open's own, and, at "process", wait for their sync.
   */
  find(ledger: Ledger, observed: Observed): void {
    const { seen, unseen } = this.look(ledger, observed);
    // Its topics are gone, or compaction has taken it: that tells nothing.
    if (seen + unseen === 0) return;
    this.state = seen > 0 ? "ended" : "lost";
    this.outcome = seen > 0 ? "commit" : "abort";
    this.isSynced = false;
    if (seen === 0) return;
    this.#lost = this.#records.filter((record) => isSeen(record, ledger, observed) === false);
    this.#records = this.#records.filter((record) => isSeen(record, ledger, observed));
    this.#commits = this.#commits.filter((commit) => isCommitted(commit, ledger, observed));
  }

  /** Whether a record counts, which compaction may have taken since. Undefined while its end is under way: that may fail. */
  commits({ topic, partition, offset }: Place): boolean | undefined {
    const isLost = this.#lost.some(
      (record) => record.topic === topic && record.partition === partition && record.offset === offset,
    );
    if (this.outcome !== "commit" || isLost) return false;
    return this.state === "ended" ? true : undefined;
  }

  /** How much of it can be read, records and offsets, and how much cannot. What was deleted since is neither. */
  look(ledger: Ledger, observed: Observed): { seen: number; unseen: number } {
    const looks = [
      ...this.#records.map((record) => isSeen(record, ledger, observed)),
      ...this.#commits.map((commit) => this.#isCommitted(commit, ledger, observed)),
    ];
    const count = (wanted: boolean) => looks.filter((isThere) => isThere === wanted).length;
    return { seen: count(true), unseen: count(false) };
  }

  /** An open brings commits past the end down to it: what a later transaction has committed then looks like this one's. */
  #isCommitted(commit: GroupPlace, ledger: Ledger, observed: Observed) {
    const found = partitionOf(commit.topic, commit.partition, ledger, observed);
    if (this.outcome !== "commit" && found?.end === commit.offset) return undefined;
    return isCommitted(commit, ledger, observed);
  }
}

/** Whether it is committed. Undefined where its topic is gone, its offset lies before the start, or compaction has taken it. */
function isSeen({ topic, partition, offset, epoch, text }: SentRecord, ledger: Ledger, observed: Observed) {
  const found = partitionOf(topic, partition, ledger, observed);
  if (found === undefined || offset < found.start) return undefined;
  const at = offset - found.start;
  const record = found.records[at];
  if (isGone(record)) return undefined;
  if (record?.text !== text || record.epoch !== epoch) return false;
  const { producerId } = record;
  const marker = found.records.slice(at).find((behind) => endsTransactionOf(producerId!, behind.text));
  const isCommitted = marker !== undefined && isCommitText(marker.text);
  const isServed = !found.aborted.some(
    (one) => one.producerId === producerId && one.firstOffset <= offset && offset <= one.lastOffset,
  );
  if (offset < found.lastStable && isServed !== isCommitted)
    throw new Error(`${topic}/${partition}: ${offset} is ${isServed ? "" : "not "}served, but ${marker?.text}`);
  return isCommitted;
}

/** Undefined also where the partition has lost what was committed for, and where a later transaction has gone past it. */
function isCommitted({ group, topic, partition, offset }: GroupPlace, ledger: Ledger, observed: Observed) {
  const found = partitionOf(topic, partition, ledger, observed);
  if (found === undefined || found.end < offset) return undefined;
  const name = ledger.topics.get(topic)!.name;
  const commit = observed.commits.find((of) => of.group === group && of.name === name && of.partition === partition);
  if (commit !== undefined && commit.offset > offset) return undefined;
  return commit?.offset === offset;
}

function partitionOf(topic: string, partition: number, ledger: Ledger, { topics }: Observed) {
  const { name } = ledger.topics.get(topic)!;
  if (ledger.named(name) !== ledger.topics.get(topic)) return undefined;
  return topics.find((found) => found.name === name)?.partitions[partition];
}

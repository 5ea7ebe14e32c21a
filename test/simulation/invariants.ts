/** Whether a disk that a crash has left, and an engine on it, keep every promise of DESIGN's levels of durability. */
import type { CrashKind } from "./images.ts";
import type {
  Ledger,
  Observed,
  ObservedPartition,
  ObservedTopic,
  PartitionLedger,
  StoredRecord,
  TopicLedger,
} from "./ledger.ts";
import { endsTransactionOf, isCommitText, isGone, isMarkerText, keyOfText } from "./observe.ts";

/** Throws on the first promise that is broken. */
export function checkPromises(ledger: Ledger, observed: Observed, last: CrashKind): void {
  const kind = ledger.kindAfter(last);
  for (const topic of ledger.topics.values()) checkPresence(topic, ledger, observed);
  for (const found of observed.topics) {
    const topic = ledger.named(found.name);
    if (!topic) throw new Error(`there is a topic ${found.name}, which was never made or has been deleted`);
    checkTopic(ledger, topic, found, kind);
  }
  checkCommits(ledger, observed, kind);
  checkTransactions(ledger, observed, kind);
}

function checkPresence(topic: TopicLedger, ledger: Ledger, { topics }: Observed): void {
  const isThere = topics.some(({ name }) => name === topic.name && ledger.named(name) === topic);
  if (topic.state === "created" && !isThere) throw new Error(`the topic ${topic.id} was made, and is gone`);
}

function checkTopic(ledger: Ledger, topic: TopicLedger, found: ObservedTopic, kind: CrashKind): void {
  const { length } = found.partitions;
  if (length < topic.fewestPartitions || length > topic.mostPartitions) {
    throw new Error(`${topic.id} has ${length} partitions, not ${topic.fewestPartitions} to ${topic.mostPartitions}`);
  }
  if (!topic.segmentBytes.includes(found.segmentBytes)) {
    throw new Error(`${topic.id} has segmentBytes ${found.segmentBytes}, not one of ${topic.segmentBytes}`);
  }
  for (const [index, partition] of found.partitions.entries()) {
    checkPartition(`${topic.id}/${index}`, topic.partition(index), partition, kind);
    if (topic.isCompact) checkLatest(topic, index, ledger, partition);
  }
}

function checkPartition(where: string, ledger: PartitionLedger, found: ObservedPartition, kind: CrashKind): void {
  const { start, end, records } = found;
  if (start < ledger.leastStart || start > ledger.mostStart) {
    throw new Error(`${where} starts at ${start}, not at ${ledger.leastStart} to ${ledger.mostStart}`);
  }
  const foreign = records.findIndex((record, i) => {
    const sent = ledger.at(start + i);
    if (isGone(record)) return start + i >= ledger.compacted;
    return sent?.text !== record.text || sent.epoch !== record.epoch;
  });
  const ours = foreign < 0 ? end : start + foreign;
  if (ours < ledger.leastEnd(kind) && foreign < 0)
    throw new Error(`${where} ends at ${end}, but ${ledger.leastEnd(kind)} was acked`);
  if (foreign < 0) {
    // A start that was promised may lie past an end that was not.
    if (end > Math.max(ledger.end, ledger.leastStart)) throw new Error(`${where} ends at ${end}, past ${ledger.end}`);
    return;
  }
  checkRecovered(where, ledger, ours, records.slice(foreign), kind);
}

/** The open that has found this may have ended transactions: from there on it is markers, where nothing was that was promised. */
function checkRecovered(
  where: string,
  ledger: PartitionLedger,
  from: number,
  added: readonly StoredRecord[],
  kind: CrashKind,
): void {
  for (const [i, { text, epoch }] of added.entries()) {
    const sent = ledger.at(from + i);
    const was = sent && `${sent.text} of epoch ${sent.epoch}`;
    if (from < ledger.leastEnd(kind) || !isMarkerText(text))
      throw new Error(`${where}: at ${from + i} stands ${text} of epoch ${epoch}, not ${was}`);
    checkFree(where, ledger, from + i, epoch);
  }
}

/** Of each key the latest that was committed is there, or was a tombstone, with nothing left before it. */
function checkLatest(topic: TopicLedger, index: number, ledger: Ledger, { start, records }: ObservedPartition): void {
  const where = `${topic.id}/${index}`;
  const sent = topic.partition(index);
  /** Undefined where nobody can tell any more. */
  const isCommitted = (at: number): boolean | undefined => {
    const { tx } = sent.at(start + at)!;
    if (tx === undefined) return true;
    if (isGone(records[at]))
      return ledger.transactions.get(tx)!.commits({ topic: topic.id, partition: index, offset: start + at });
    const marker = records.slice(at).find(({ text }) => endsTransactionOf(records[at].producerId!, text));
    return marker !== undefined && isCommitText(marker.text);
  };
  const latest = new Map<string, { offset: number; isGone: boolean }>();
  for (let at = records.length - 1; at >= 0; at--) {
    const record = sent.at(start + at);
    if (record === undefined || isMarkerText(record.text)) continue;
    const isCounted = isCommitted(at);
    if (isCounted === false) continue;
    const { key, isTombstone } = keyOfText(record.text);
    const isTaken = isCounted === true && isGone(records[at]);
    const later = latest.get(key);
    if (later === undefined) latest.set(key, { offset: start + at, isGone: isTaken });
    if (later === undefined && isTaken && !isTombstone)
      throw new Error(`${where}: ${record.text} at ${start + at} is the latest of its key, and gone`);
    if (later?.isGone && !isGone(records[at]))
      throw new Error(`${where}: ${record.text} at ${start + at} is there, and its tombstone at ${later.offset} gone`);
  }
}

function checkTransactions(ledger: Ledger, observed: Observed, kind: CrashKind): void {
  for (const [id, transaction] of ledger.transactions) {
    const { outcome, state, isSynced, isPower } = transaction;
    const { seen, unseen } = transaction.look(ledger, observed);
    if (outcome !== "commit" && seen > 0) throw new Error(`${id} was not committed, and ${seen} of it can be read`);
    if (outcome !== "commit" || unseen === 0) continue;
    const isPromised = state === "ended" && (kind === "process" || isSynced || isPower);
    if (isPromised) throw new Error(`${id} was committed, and ${unseen} of it cannot be read`);
    if (seen > 0 && (kind === "process" || isPower))
      throw new Error(`${id} is torn: ${seen} of it can be read, and ${unseen} cannot`);
  }
}

function checkCommits(ledger: Ledger, { topics, commits }: Observed, kind: CrashKind): void {
  for (const found of topics) {
    const topic = ledger.named(found.name)!;
    for (const [index, { end }] of found.partitions.entries()) {
      for (const [group, commit] of topic.partition(index).commits) {
        const least = Math.min(kind === "process" ? commit.stored : commit.synced, end);
        const offset = commits.find(
          (of) => of.group === group && of.name === found.name && of.partition === index,
        )?.offset;
        if ((offset ?? -1) >= least) continue;
        throw new Error(`${group} had committed ${least} of ${topic.id}/${index}, and now ${offset}`);
      }
    }
  }
  for (const { group, name, partition, offset } of commits) {
    const where = `${group} at ${name}-${partition}`;
    const end = topics.find((topic) => topic.name === name)?.partitions[partition]?.end;
    if (end === undefined) throw new Error(`${where}: an offset is committed of a partition that is not there`);
    if (offset > end) throw new Error(`${where}: ${offset} is committed, past the end ${end}`);
    const highest = ledger.named(name)?.partition(partition).commits.get(group)?.highest;
    if (highest === undefined || offset > highest)
      throw new Error(`${where}: ${offset} was never committed, but ${highest}`);
  }
}

/** No record may take an offset and an epoch that another one was promised, or read, under. */
export function checkFree(where: string, ledger: PartitionLedger, offset: number, epoch: number): void {
  const taken = ledger.promised.get(`${offset}/${epoch}`);
  if (taken !== undefined)
    throw new Error(`${where}: offset ${offset} of epoch ${epoch} is used again, after ${taken}`);
}

/**
 * Judges a history (history.ts) by what every log of Kafka's kind promises to clients that read committed records:
 *
 *   what was acknowledged is there, once where the producer is idempotent, in the order of its sends, where it was said to be
 *   what was refused or aborted is not, nothing of a transaction is seen before its end, and of each there is all or nothing
 *   a consumer goes forward from where it began and leaves nothing out; a group, in the end, has seen everything
 *
 * It knows nothing of how a log works, and trusts no answer of it but the last reading of everything.
 */
import type { Anomaly, Event, Sending, Where } from "./history.ts";

interface Final {
  offset: number;
  id: string;
}

/** `groups`: those that went on until nothing was left for them to read. */
export function check(history: readonly Event[], groups: readonly string[] = []): Anomaly[] {
  return new Checker(history).check(groups);
}

class Checker {
  readonly #history: readonly Event[];
  readonly #anomalies: Anomaly[] = [];
  readonly #sent = new Map<string, Sending>();
  readonly #acked = new Map<string, number>();
  readonly #refused = new Set<string>();
  /** Transaction → what was asked for, and what was told. */
  readonly #ending = new Map<string, "commit" | "abort">();
  readonly #ended = new Map<string, "commit" | "abort">();
  /** "topic-partition" → what is there in the end, by offset. */
  readonly #final = new Map<string, Final[]>();
  readonly #places = new Map<string, { where: string; offset: number }[]>();

  constructor(history: readonly Event[]) {
    this.#history = history;
    for (const event of history) this.#take(event);
  }

  check(groups: readonly string[]): Anomaly[] {
    for (const [where, records] of this.#final) this.#checkFinal(where, records);
    for (const sending of this.#sent.values()) this.#checkSending(sending);
    this.#checkTransactions();
    this.#checkPolls();
    for (const group of groups) this.#checkSeen(group);
    return this.#anomalies;
  }

  #take(event: Event): void {
    if (event.type === "sending") this.#sent.set(event.id, event);
    if (event.type === "acked") this.#acked.set(event.id, event.offset);
    if (event.type === "refused") this.#refused.add(event.id);
    if (event.type === "ending") this.#ending.set(event.tx, event.outcome);
    if (event.type === "ended") this.#ended.set(event.tx, event.outcome);
    if (event.type !== "final") return;
    this.#final.set(nameOf(event), event.records);
    for (const { offset, id } of event.records) {
      const places = this.#places.get(id) ?? [];
      places.push({ where: nameOf(event), offset });
      this.#places.set(id, places);
    }
  }

  #checkFinal(where: string, records: readonly Final[]): void {
    const last = new Map<string, Sending & { at: number }>();
    const order = new Map([...this.#sent.keys()].map((id, index) => [id, index]));
    for (const [index, { offset, id }] of records.entries()) {
      const sending = this.#sent.get(id);
      if (sending === undefined || nameOf(sending) !== where) {
        this.#found("phantom", `${where} has ${id} at ${offset}, which nobody has sent there`);
        continue;
      }
      if (index > 0 && records[index - 1].offset >= offset)
        this.#found("misplaced", `${where} has ${id} at ${offset}, behind ${records[index - 1].offset}`);
      if (this.#refused.has(id)) this.#found("phantom", `${where} has ${id} at ${offset}, which was refused`);
      const before = last.get(sending.producer);
      if (sending.isOnce && before && order.get(before.id)! > order.get(id)!)
        this.#found("out of order", `${where}: ${id} stands at ${offset}, behind ${before.id}, which was sent later`);
      last.set(sending.producer, { ...sending, at: offset });
    }
  }

  #checkSending({ id, isOnce, tx }: Sending): void {
    const places = this.#places.get(id) ?? [];
    if (isOnce && places.length > 1) this.#found("duplicate", `${id} is there ${places.length} times`);
    const offset = this.#acked.get(id);
    const isDue = tx === undefined ? offset !== undefined : this.#ended.get(tx) === "commit";
    if (isDue && places.length === 0) this.#found("lost write", `${id} was acknowledged, and is not there`);
    if (offset !== undefined && places.length > 0 && !places.some((place) => place.offset === offset))
      this.#found("misplaced", `${id} was acknowledged at ${offset}, and is at ${places.map((place) => place.offset)}`);
  }

  #checkTransactions(): void {
    const counts = new Map<string, { there: number; all: number }>();
    for (const { id, tx } of this.#sent.values()) {
      if (tx === undefined) continue;
      const count = counts.get(tx) ?? { there: 0, all: 0 };
      counts.set(tx, { there: count.there + Number(this.#places.has(id)), all: count.all + 1 });
    }
    for (const [tx, { there, all }] of counts) {
      const mayBeThere = this.#ending.get(tx) === "commit" && this.#ended.get(tx) !== "abort";
      if (there > 0 && !mayBeThere)
        this.#found("aborted read", `${tx} was not committed, and ${there} of it are there`);
      else if (there > 0 && there < all)
        this.#found("torn transaction", `${there} of ${all} records of ${tx} are there`);
    }
  }

  /** In the order of the history: a poll knows only what was before it. */
  #checkPolls(): void {
    const committing = new Set<string>();
    /** Consumer and partition → where it goes on. */
    const next = new Map<string, number>();
    const polledIn = new Map<string, number>();
    const groupOf = new Map<string, string | undefined>();
    for (const event of this.#history) {
      if (event.type === "ending" && event.outcome === "commit") committing.add(event.tx);
      if (event.type === "begun") {
        next.set(`${event.consumer} ${nameOf(event)}`, event.offset);
        groupOf.set(event.consumer, event.group);
      }
      if (event.type === "polled") {
        this.#checkPoll(event, next, committing);
        const place = `${groupOf.get(event.consumer)} ${nameOf(event)}`;
        polledIn.set(place, Math.max(polledIn.get(place) ?? 0, event.offset + 1));
      }
      if (event.type === "committing" && event.offset > (polledIn.get(`${event.group} ${nameOf(event)}`) ?? 0))
        this.#found(
          "commit ahead",
          `${event.group} commits ${event.offset} of ${nameOf(event)}, which nobody has read`,
        );
    }
  }

  #checkPoll(
    { consumer, id, offset, ...where }: Extract<Event, { type: "polled" }>,
    next: Map<string, number>,
    committing: ReadonlySet<string>,
  ): void {
    const place = `${consumer} ${nameOf(where)}`;
    const from = next.get(place) ?? 0;
    const what = `${consumer} reads ${id} at ${offset} of ${nameOf(where)}`;
    next.set(place, Math.max(from, offset + 1));
    const sending = this.#sent.get(id);
    const { tx } = sending ?? {};
    const isAborted = tx !== undefined && (this.#ended.get(tx) ?? this.#ending.get(tx)) === "abort";
    if (isAborted) this.#found("aborted read", `${what}, of ${tx}`);
    else if (tx !== undefined && !committing.has(tx))
      this.#found("pre-committed read", `${what} before ${tx} was to be`);
    const records = this.#final.get(nameOf(where)) ?? [];
    if (!records.some((record) => record.offset === offset && record.id === id))
      this.#found(sending ? "lost write" : "phantom", `${what}, which is not there in the end`);
    if (offset < from) this.#found("backward poll", `${what}, having come to ${from}`);
    const skipped = records.find((record) => record.offset >= from && record.offset < offset);
    if (skipped) this.#found("skipped poll", `${what}, and has left out ${skipped.id} at ${skipped.offset}`);
  }

  #checkSeen(group: string): void {
    const members = new Set<string>();
    const seen = new Set<string>();
    for (const event of this.#history) {
      if (event.type === "begun" && event.group === group) members.add(event.consumer);
      if (event.type === "polled" && members.has(event.consumer)) seen.add(`${nameOf(event)} ${event.offset}`);
    }
    for (const [where, records] of this.#final) {
      for (const { offset, id } of records) {
        if (!seen.has(`${where} ${offset}`))
          this.#found("unseen", `${group} has never read ${id} at ${offset} of ${where}`);
      }
    }
  }

  #found(kind: Anomaly["kind"], message: string): void {
    this.#anomalies.push({ kind, message });
  }
}

function nameOf({ topic, partition }: Where): string {
  return `${topic}-${partition}`;
}

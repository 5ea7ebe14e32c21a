/**
 * Fetch sessions (KIP-227): the listener remembers what a client fetches, so that a request names only what changes, and a
 * response only what is new.
 *
 *   request                      answer
 *   id 0, epoch −1               everything asked for; no session
 *   any id, epoch 0              everything asked for; a new session, with its id, in the place of the old one
 *   any id, epoch −1             everything asked for; the session ends
 *   id of the session, epoch n   what changed. n counts the requests, from 1, and goes on at 1 behind 2^31−1
 *   another id                   error 70        another epoch   error 71; both make the client begin anew
 *   names after ids, or so       error 106, which does the same
 *
 * Here a session belongs to its connection, and ends with it: what sessions cost is bounded by the number of connections.
 */
import { ERROR, Refused } from "./error-codes.ts";

export interface FetchPartition {
  /** Its name, or its id where the client uses ids. */
  topic: string;
  partition: number;
  fetchOffset: number;
  maxBytes: number;
  leaderEpoch: number;
  lastFetchedEpoch: number;
}

/** With what was last answered. */
interface Remembered extends FetchPartition {
  highWatermark: number;
  logStartOffset: number;
}

/** What of an answer decides whether it is news. */
export interface FetchedPartition {
  topic: string;
  partitionIndex: number;
  errorCode: number;
  highWatermark: number;
  logStartOffset: number;
  hasRecords: boolean;
}

interface SessionRequest {
  sessionId: number;
  sessionEpoch: number;
  usesTopicIds: boolean;
  partitions: readonly FetchPartition[];
  forgotten: readonly { topic: string; partition: number }[];
}

/** Who has it open. */
export interface SessionHolder {
  fetchSession: FetchSession | undefined;
}

const FINAL_EPOCH = -1;
const INITIAL_EPOCH = 0;
const MAX_EPOCH = 0x7fff_ffff;

/** Of one session. A client that fetches more does so without one. */
const MAX_PARTITIONS = 50_000;

/** The next id; they only need to differ. */
let lastId = 0;

/** What a request asks for, and the session that is to answer it: none for a full fetch without one. */
export function takeSession(
  holder: SessionHolder,
  request: SessionRequest,
): { partitions: readonly FetchPartition[]; session: FetchSession | undefined; isIncremental: boolean } {
  const { sessionId, sessionEpoch, usesTopicIds, partitions, forgotten } = request;
  if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
    const isNew = sessionEpoch === INITIAL_EPOCH && partitions.length > 0 && partitions.length <= MAX_PARTITIONS;
    if (isNew || sessionId === holder.fetchSession?.id) holder.fetchSession = undefined;
    if (isNew) holder.fetchSession = new FetchSession(partitions, usesTopicIds);
    return { partitions, session: isNew ? holder.fetchSession : undefined, isIncremental: false };
  }
  const session = holder.fetchSession;
  if (session === undefined || session.id !== sessionId) {
    throw new Refused(ERROR.FETCH_SESSION_ID_NOT_FOUND, `the connection has no fetch session ${sessionId}`);
  }
  if (session.usesTopicIds !== usesTopicIds) {
    const [had, has] = usesTopicIds ? ["names", "ids"] : ["ids", "names"];
    throw new Refused(ERROR.FETCH_SESSION_TOPIC_ID_ERROR, `the session had ${had} of topics, and now come ${has}`);
  }
  session.advance(sessionEpoch);
  session.change(partitions, forgotten);
  return { partitions: session.partitions, session, isIncremental: true };
}

export class FetchSession {
  readonly id: number;
  readonly usesTopicIds: boolean;
  #epoch = 1;
  /** In the order in which they are read: those that gave records go to the end. */
  readonly #partitions = new Map<string, Remembered>();

  constructor(partitions: readonly FetchPartition[], usesTopicIds: boolean) {
    this.usesTopicIds = usesTopicIds;
    lastId = lastId === MAX_EPOCH ? 1 : lastId + 1;
    this.id = lastId;
    this.change(partitions, []);
  }

  get partitions(): readonly FetchPartition[] {
    return [...this.#partitions.values()];
  }

  advance(epoch: number): void {
    if (epoch !== this.#epoch) {
      throw new Refused(ERROR.INVALID_FETCH_SESSION_EPOCH, `the session is at epoch ${this.#epoch}, not ${epoch}`);
    }
    this.#epoch = epoch === MAX_EPOCH ? 1 : epoch + 1;
  }

  change(partitions: readonly FetchPartition[], forgotten: readonly { topic: string; partition: number }[]): void {
    for (const { topic, partition } of forgotten) this.#partitions.delete(keyOf(topic, partition));
    for (const asked of partitions) {
      const key = keyOf(asked.topic, asked.partition);
      const { highWatermark = -1, logStartOffset = -1 } = this.#partitions.get(key) ?? {};
      this.#partitions.set(key, { ...asked, highWatermark, logStartOffset });
    }
    if (this.#partitions.size > MAX_PARTITIONS) {
      throw new Refused(ERROR.INVALID_FETCH_SESSION_EPOCH, `a fetch session of more than ${MAX_PARTITIONS} partitions`);
    }
  }

  /** Notes what is answered. Whether it is news: records, an error, or another bound than the last time. */
  note(answer: FetchedPartition): boolean {
    const key = keyOf(answer.topic, answer.partitionIndex);
    const known = this.#partitions.get(key);
    if (known === undefined) return true;
    const { highWatermark, logStartOffset } = answer;
    const isMoved = known.highWatermark !== highWatermark || known.logStartOffset !== logStartOffset;
    if (answer.hasRecords) this.#partitions.delete(key);
    this.#partitions.set(key, { ...known, highWatermark, logStartOffset });
    return answer.hasRecords || isMoved || answer.errorCode !== ERROR.NONE;
  }
}

/** No topic has a slash in its name, and no id. */
function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

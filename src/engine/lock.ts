/**
 * The lock of a data directory: one owner at a time, in this process, in another, or dead.
 *
 *   .lock   {"pid":4711,"processStart":"81421","bootId":"…","hostName":"…","address":null,
 *            "isRecovered":true,"token":"…"}
 *
 * The file is the lock. It is written aside, synced, and linked into place, so that it is never seen half written; of racing
 * openers one has the link. An owner that is gone leaves it behind; it is stale then, and is taken over like this:
 *
 *   1  link our own file to `.lock.TOKEN-claim`, TOKEN being that of the stale lock: one opener succeeds
 *   2  look again: is `.lock` still the stale one? Only who holds the claim may replace it, so it stays so from here on
 *   3  rename our own file over `.lock`; remove the claim
 *
 * An opener that comes late to 1, after the claim is gone, finds another lock at 2 and starts over. One that dies between
 * 1 and 3 leaves a claim that is stale as a lock can be, and the claim on *it* is taken the same way. At no moment is
 * there a directory with two owners, nor a lock that another opener could take for free.
 *
 * Stale is: another boot id, a pid that is dead, a process of that pid that started at another time. An owner on another
 * host cannot be seen from here: `takeover` says that it is gone. The same goes for a lock that cannot be read.
 */
import { VarveError } from "../errors.ts";
import type { Chance } from "../storage/clock.ts";
import type { Files } from "../storage/files.ts";
import { asideLock, isLockLeftover, join, LOCK, lockClaim } from "../storage/paths.ts";
import { hasErrno } from "../storage/system-error.ts";
import { type Identity, isCertain } from "./identity.ts";

export interface Owner {
  /** 0: nobody; the owner has let go without a clean close. */
  pid: number;
  processStart: string | null;
  bootId: string;
  hostName: string;
  address: string | null;
  /** What an earlier owner left has been mended: only then can a page cache that survived be taken at its word. */
  isRecovered: boolean;
  token: string;
}

export interface LockOptions {
  files: Files;
  folder: string;
  identity: Identity;
  chance: Chance;
  takeover: boolean;
}

/** Each try that ends without an answer has met another opener in the act. */
const MOST_TRIES = 100;
const TOKEN_BYTES = 16;

export class Lock {
  owner: Owner;
  /** The stale lock that this one took the place of: its owner did not close the directory. */
  readonly predecessor: Owner | undefined;
  readonly #files: Files;
  readonly #folder: string;

  static async acquire(options: LockOptions): Promise<Lock> {
    const opener = new Opener(options);
    try {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const lock = await opener.tryOnce();
        if (lock) return lock;
      }
    } finally {
      opener.tidy();
    }
    throw new VarveError("VARVE_LOCKED", `other openers keep taking ${options.folder}`, {
      file: join(options.folder, LOCK),
    });
  }

  constructor(files: Files, folder: string, owner: Owner, predecessor: Owner | undefined) {
    this.#files = files;
    this.#folder = folder;
    this.owner = owner;
    this.predecessor = predecessor;
  }

  /** From here on the death of this process leaves nothing but what a page cache keeps. */
  async markRecovered(): Promise<void> {
    await this.#replace({ ...this.owner, isRecovered: true });
  }

  /** Where clients reach the owner; undefined: nowhere. */
  async announce(address: string | undefined): Promise<void> {
    await this.#replace({ ...this.owner, address: address ?? null });
  }

  /** The directory was closed in order: the lock goes. */
  release(): void {
    if (this.#isMine()) this.#files.remove(join(this.#folder, LOCK));
  }

  /**
   * The directory was not closed in order. The lock stays, and is stale: the next opener sees by the boot id whether the
   * page cache has survived. `as` is who to name as the one that left it.
   */
  async abandon(as: Owner = this.owner): Promise<void> {
    await this.#replace({ ...as, pid: 0 });
  }

  async #replace(owner: Owner): Promise<void> {
    const aside = join(this.#folder, asideLock(this.owner.token));
    await writeOwner(this.#files, aside, owner);
    if (!this.#isMine()) return this.#files.remove(aside);
    this.#files.rename(aside, join(this.#folder, LOCK));
    if (owner.token === this.owner.token) this.owner = owner;
  }

  #isMine(): boolean {
    return readOwner(this.#files, join(this.#folder, LOCK))?.token === this.owner.token;
  }
}

/** One call of `acquire`. */
class Opener {
  readonly #options: LockOptions;
  readonly #me: Owner;
  readonly #aside: string;
  readonly #lock: string;

  constructor(options: LockOptions) {
    const { folder, identity, chance } = options;
    this.#options = options;
    this.#me = {
      pid: identity.pid,
      processStart: identity.processStart(identity.pid) ?? null,
      bootId: identity.bootId,
      hostName: identity.hostName,
      address: null,
      isRecovered: false,
      token: Buffer.from(chance(TOKEN_BYTES)).toString("hex"),
    };
    this.#aside = join(folder, asideLock(this.#me.token));
    this.#lock = join(folder, LOCK);
  }

  /** Undefined when another opener was in the way: look again. Throws VARVE_LOCKED when there is an owner. */
  async tryOnce(): Promise<Lock | undefined> {
    const { files } = this.#options;
    try {
      if (files.stat(this.#aside) === undefined) await writeOwner(files, this.#aside, this.#me);
      const present = this.#read(this.#lock);
      if (present === undefined) return files.link(this.#aside, this.#lock) ? this.#won(undefined) : undefined;
      return this.#takeOver(present);
    } catch (error) {
      // A winner has tidied our file away: the next look finds its lock.
      if (hasErrno(error, "ENOENT", "ESTALE")) return undefined;
      throw error;
    }
  }

  /** Removes what was written aside. */
  tidy(): void {
    this.#options.files.remove(this.#aside);
  }

  #takeOver(stale: Owner): Lock | undefined {
    const { files, folder } = this.#options;
    this.#checkStale(stale);
    const claims = [join(folder, lockClaim(stale.token))];
    for (let claimer = this.#read(claims[0]); claimer !== undefined; claimer = this.#read(claims[claims.length - 1])) {
      if (claims.length > MOST_TRIES) return undefined;
      this.#checkStale(claimer);
      claims.push(join(folder, lockClaim(claimer.token)));
    }
    const claim = claims[claims.length - 1];
    if (!files.link(this.#aside, claim)) return undefined;
    try {
      const isStillStale = this.#read(this.#lock)?.token === stale.token;
      if (isStillStale) files.rename(this.#aside, this.#lock);
      return isStillStale ? this.#won(stale) : undefined;
    } finally {
      files.remove(claim);
    }
  }

  /** Tidies up behind openers that died, or that are still to find out that they have lost. */
  #won(predecessor: Owner | undefined): Lock {
    const { files, folder } = this.#options;
    for (const name of files.list(folder) ?? []) if (isLockLeftover(name)) files.remove(join(folder, name));
    return new Lock(files, folder, this.#me, predecessor);
  }

  #read(path: string): Owner | undefined {
    const { files, takeover } = this.#options;
    const bytes = files.read(path);
    if (bytes === undefined) return undefined;
    const owner = parseOwner(bytes);
    if (owner) return owner;
    if (takeover) return NOBODY;
    const message = `the lock ${path} cannot be read; if no process has the directory open, pass takeover: true`;
    throw new VarveError("VARVE_LOCKED", message, { file: path });
  }

  #checkStale(owner: Owner): void {
    const { identity, takeover, folder } = this.#options;
    const reason = liveness(owner, identity);
    if (reason === "gone" || (reason === "unknown" && takeover)) return;
    const where = owner.hostName === identity.hostName ? "" : ` on the host ${owner.hostName}`;
    const address = owner.address === null ? "" : `, listening on ${owner.address}`;
    const advice = reason === "unknown" ? "; if it is gone, pass takeover: true" : "";
    const message = `the data directory ${folder} is open in process ${owner.pid}${where}${address}${advice}`;
    throw new VarveError("VARVE_LOCKED", message, { file: this.#lock });
  }
}

/** Stands for the owner in a lock that cannot be read. */
const NOBODY: Owner = {
  pid: 0,
  processStart: null,
  bootId: "",
  hostName: "",
  address: null,
  isRecovered: false,
  token: "0",
};

/** "unknown": somewhere else, or alive by its pid alone where the boot may have been another. */
export function liveness(owner: Owner, identity: Identity): "alive" | "gone" | "unknown" {
  if (owner.pid === 0) return "gone";
  if (owner.hostName !== identity.hostName) return "unknown";
  const isSameBoot = owner.bootId === identity.bootId;
  if (!isSameBoot && isCertain(owner.bootId) && isCertain(identity.bootId)) return "gone";
  if (!identity.isAlive(owner.pid)) return "gone";
  const start = identity.processStart(owner.pid);
  if (start !== undefined && owner.processStart !== null) return start === owner.processStart ? "alive" : "gone";
  return isSameBoot ? "alive" : "unknown";
}

/** Who holds the lock of that folder, or held it last; undefined when there is none or it cannot be read. */
export function readLock(files: Files, folder: string): Owner | undefined {
  return readOwner(files, join(folder, LOCK));
}

function readOwner(files: Files, path: string): Owner | undefined {
  const bytes = files.read(path);
  return bytes && parseOwner(bytes);
}

function parseOwner(bytes: Uint8Array): Owner | undefined {
  try {
    const owner = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isOwner(owner) ? owner : undefined;
  } catch {
    return undefined;
  }
}

function isOwner(value: unknown): value is Owner {
  const { pid, processStart, bootId, hostName, address, isRecovered, token } = Object(value) as Record<string, unknown>;
  return (
    Number.isSafeInteger(pid) &&
    (pid as number) >= 0 &&
    [bootId, hostName].every((field) => typeof field === "string") &&
    [processStart, address].every((field) => field === null || typeof field === "string") &&
    typeof isRecovered === "boolean" &&
    // It becomes part of a file name.
    typeof token === "string" &&
    /^[0-9a-f]{1,64}$/.test(token)
  );
}

async function writeOwner(files: Files, path: string, owner: Owner): Promise<void> {
  const bytes = new Uint8Array(Buffer.from(`${JSON.stringify(owner)}\n`));
  const file = files.open(path, "create");
  try {
    file.write(bytes, 0, bytes.length, 0);
    await file.sync();
  } finally {
    file.close();
  }
}

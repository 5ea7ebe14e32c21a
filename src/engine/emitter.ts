/**
 * Events with names and types. A name that there is not is refused, since nobody would ever hear of it. Listeners are
 * called at once, in the order they came; one that throws does not keep the others from hearing, and its error goes to
 * `onError`.
 */
import { VarveError } from "../errors.ts";
import { nearest } from "./options.ts";

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();
  readonly #names: readonly (keyof Events & string)[];
  readonly #onError: (error: unknown) => void;

  constructor(names: readonly (keyof Events & string)[], onError: (error: unknown) => void = () => {}) {
    this.#names = names;
    this.#onError = onError;
  }

  /** Returns the call that ends it. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    this.#check(name, listener);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => this.off(name, listener);
  }

  off<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): void {
    this.#listeners.get(name)?.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  #check(name: unknown, listener: unknown): void {
    if (!this.#names.includes(name as keyof Events & string)) {
      const meant = nearest(String(name), this.#names);
      const advice = meant === undefined ? `there are ${this.#names.join(", ")}` : `did you mean ${meant}?`;
      throw new VarveError("VARVE_INVALID_ARGUMENT", `there is no event ${String(name)}; ${advice}`);
    }
    if (typeof listener !== "function") {
      throw new VarveError("VARVE_INVALID_ARGUMENT", `on ${String(name)}: a function was expected`);
    }
  }
}

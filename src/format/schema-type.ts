/** What every type of schema.ts is: a reader and a writer of one value. */
import type { MessageReader } from "./message-reader.ts";
import type { MessageWriter } from "./message-writer.ts";

/** T is what a reader gets, I what a writer takes. */
export interface Type<T, I = T> {
  read(from: MessageReader): T;
  write(to: MessageWriter, value: I): void;
  /** What a reader gets where the version has no such field. */
  absent(): T;
}

export type Infer<S> = S extends Type<infer T, infer _> ? T : never;
export type Input<S> = S extends Type<infer _, infer I> ? I : never;

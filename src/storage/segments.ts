/** The segments of a partition, in order of their base offsets; the last one is active. */
import type { Segment } from "./segment.ts";

export class Segments {
  #list: Segment[] = [];

  get all(): readonly Segment[] {
    return this.#list;
  }

  get active(): Segment {
    return this.#list[this.#list.length - 1];
  }

  get first(): Segment {
    return this.#list[0];
  }

  get sizeInBytes(): number {
    let size = 0;
    for (const segment of this.#list) size += segment.size;
    return size;
  }

  add(segment: Segment): void {
    this.#list.push(segment);
  }

  remove(segment: Segment): void {
    this.#list = this.#list.filter((other) => other !== segment);
  }

  replace(segment: Segment, by: Segment): void {
    this.#list = this.#list.map((other) => (other === segment ? by : other));
  }

  /** The segment that offset lies in: the last one that begins at or before it, or else the first. */
  floor(offset: number): Segment {
    return this.#list[this.#indexOf(offset)];
  }

  /** The segment behind that one. */
  after(segment: Segment): Segment | undefined {
    return this.#list[this.#indexOf(segment.baseOffset) + 1];
  }

  /** From the one that holds `offset` to the end. */
  from(offset: number): readonly Segment[] {
    return this.#list.slice(this.#indexOf(offset));
  }

  #indexOf(offset: number): number {
    let low = 1;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#list[middle].baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

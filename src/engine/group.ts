/** The consumer groups that have members in this process: one member each. */
import { VarveError } from "../errors.ts";

export class Groups {
  readonly #members = new Map<string, string>();

  /** Takes the group for `member`. Returns the call that leaves it; a second one does nothing. */
  join(group: string, member: string): () => void {
    const present = this.#members.get(group);
    if (present !== undefined) {
      const message = `the group ${group} has a member already, ${present}; it may have one at a time`;
      throw new VarveError("VARVE_GROUP_BUSY", message);
    }
    this.#members.set(group, member);
    let isMember = true;
    return () => {
      if (isMember) this.#members.delete(group);
      isMember = false;
    };
  }

  member(group: string): string | undefined {
    return this.#members.get(group);
  }
}

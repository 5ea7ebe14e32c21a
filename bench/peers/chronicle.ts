/** Chronicle Queue in a JVM of its own, which peers/chronicle/Driver.java drives and times. It has no group append: one by one it is. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { chronicleFolder } from "./needs.ts";

/** What Chronicle asks for on Java 17. */
const OPENS = [
  "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
  "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
  "--add-exports=jdk.unsupported/sun.misc=ALL-UNNAMED",
  "--add-exports=jdk.compiler/com.sun.tools.javac.file=ALL-UNNAMED",
  "--add-opens=jdk.compiler/com.sun.tools.javac=ALL-UNNAMED",
  "--add-opens=java.base/java.lang=ALL-UNNAMED",
  "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
  "--add-opens=java.base/java.io=ALL-UNNAMED",
  "--add-opens=java.base/java.util=ALL-UNNAMED",
  "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
];

export class Chronicle {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    const jars = ["-cp", `${chronicleFolder}/jars/*:${chronicleFolder}`, "-Dchronicle.analytics.disable=true"];
    this.#child = spawn("java", ["-Xmx1G", ...OPENS, ...jars, "Driver"], { stdio: ["pipe", "pipe", "ignore"] });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Answers with the time that the driver took, and what it counted. */
  async ask(...words: (string | number)[]): Promise<{ milliseconds: number; count: number }> {
    this.#child.stdin.write(`${words.join(" ")}\n`);
    for (;;) {
      const { value, done } = await this.#answers.next();
      if (done) throw new Error("the driver of Chronicle Queue has ended");
      if (!value.startsWith("= ")) continue;
      const [nanoseconds, count] = value.slice(2).split(" ").map(Number);
      return { milliseconds: nanoseconds / 1e6, count };
    }
  }

  end(): void {
    this.#child.stdin.end();
  }
}

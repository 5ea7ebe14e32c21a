/** The part that drivers in JavaScript share: a line in, its command done, a line out; one after another. */
import { createInterface } from "node:readline";

export const address = process.argv.at(-1);

export function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** `commands` maps names to functions; `end` is called when stdin ends. */
export async function serve(commands, end) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, do: name, ...args } = JSON.parse(line);
    try {
      if (!commands[name]) throw new Error(`this client has no ${name}`);
      say({ id, result: (await commands[name](args)) ?? null });
    } catch (error) {
      say({
        id,
        error: `${error.stack}${error.errors ? `\n${error.errors.map(({ stack }) => stack).join("\n")}` : ""}`,
      });
    }
  }
  await end();
  process.exit(0);
}

export function bytes(text) {
  return text === null ? null : Buffer.from(text, "base64");
}

export function base64(value) {
  return value === null || value === undefined ? null : Buffer.from(value).toString("base64");
}

/**
 * Java's properties format, as far as Kafka's meta.properties needs it: `key=value` lines, also with ':' or blanks between,
 * comments after '#' or '!', lines continued by a backslash, and Java's escapes. Text is ISO-8859-1.
 */
import { VarveError } from "../errors.ts";

export interface Property {
  value: string;
  /** Where it stands, from 1. */
  line: number;
}

/** A key that stands twice keeps its last value, as in Java. */
export function parseProperties(text: string, file: string): Map<string, Property> {
  const properties = new Map<string, Property>();
  const lines = text.split(/\r\n|\n|\r/);
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let logical = lines[index].trimStart();
    if (logical === "" || logical[0] === "#" || logical[0] === "!") continue;
    while (CONTINUED.test(logical)) logical = logical.slice(0, -1) + (lines[++index] ?? "").trimStart();
    const [, key, value] = PROPERTY.exec(logical) as RegExpExecArray;
    properties.set(unescapeText(key, file, line), { value: unescapeText(value, file, line), line });
  }
  return properties;
}

export function formatProperty(key: string, value: string): string {
  return `${escapeText(key).replaceAll(" ", "\\ ")}=${escapeText(value).replace(/^ /, "\\ ")}\n`;
}

/** An odd number of backslashes ends the line. */
const CONTINUED = /(?<!\\)(?:\\\\)*\\$/;

/** The key ends at the first separator without a backslash before it. */
const PROPERTY = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)$/s;

const CONTROL: Record<string, string> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescapeText(text: string, file: string, line: number): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.|$)/gs, (_, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    if (escaped === "u") {
      throw new VarveError("VARVE_CORRUPT", `${file}, line ${line}: \\u without four hexadecimal digits`, { file });
    }
    return CONTROL[escaped] ?? escaped;
  });
}

function escapeText(text: string): string {
  return text.replace(/[^\x20-\x7e]|[\\#!=:]/g, (character) => {
    if (character >= " " && character <= "~") return `\\${character}`;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

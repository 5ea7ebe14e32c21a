/**
 * The code in a page of Markdown, and what the page says that it prints.
 *
 * A block of ts, js or sh is code. A block ```text output``` is what the code before it prints; there "…" stands for anything
 * within a line, and a line of nothing but "…" for any lines.
 */

export interface CodeBlock {
  language: "ts" | "js" | "sh";
  /** Where the code starts, counted from 1. */
  line: number;
  code: string;
  /** The words behind the language: ```ts run``` has ["run"]. */
  words: string[];
  output?: string;
}

const languages = ["ts", "js", "sh"];

export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = markdown.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)```(\w+) ?(.*)$/.exec(lines[at]);
    if (!fence) continue;
    const [, indent, language, info] = fence;
    const end = lines.indexOf(`${indent}\`\`\``, at + 1);
    if (end < 0) throw new Error(`the block that opens in line ${at + 1} is never closed`);
    const code = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
    const words = info.split(" ").filter((word) => word !== "");
    if (language === "text" && words.includes("output")) addOutput(blocks.at(-1), code.join("\n"), at + 1);
    else if (languages.includes(language)) {
      blocks.push({ language: language as CodeBlock["language"], line: at + 2, code: `${code.join("\n")}\n`, words });
    }
    at = end;
  }
  return blocks;
}

/** Whether the text printed is what the page says. */
export function isAsWritten(printed: string, written: string): boolean {
  const lines = written.trimEnd().split("\n");
  const pattern = lines.map((line) => {
    if (line.trim() === "…") return "(?:.*\n)*";
    return `${line.trimEnd().split("…").map(escapePattern).join(".*")}[ \t]*\n`;
  });
  return new RegExp(`^${pattern.join("")}$`).test(`${printed.trimEnd()}\n`);
}

function addOutput(block: CodeBlock | undefined, output: string, line: number): void {
  if (!block || block.output !== undefined) throw new Error(`the output in line ${line} has no code before it`);
  block.output = output;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

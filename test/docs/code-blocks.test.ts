/** The reader of code in Markdown, on a page made for it. */
import { describe, expect, it } from "vitest";
import { codeBlocks, isAsWritten } from "./code-blocks.ts";

const page = `# A page
\`\`\`ts
const a = 1;

console.log(a);
\`\`\`
It prints:

\`\`\`text output
1
\`\`\`
1. A list:
   \`\`\`sh run slowly
   echo
     indented
   \`\`\`
\`\`\`text
no code: \`\`\`ts
\`\`\`
\`\`\`json
{}
\`\`\`
`;

describe("the code of a page", () => {
  it("is found, with its output", () => {
    expect(codeBlocks(page)).toEqual([
      { language: "ts", line: 3, code: "const a = 1;\n\nconsole.log(a);\n", words: [], output: "1" },
      { language: "sh", line: 14, code: "echo\n  indented\n", words: ["run", "slowly"] },
    ]);
  });

  it.each([
    ["```ts\nnever closed", "line 1"],
    ["\n```text output\n1\n```\n", "line 2"],
    [`${page}\`\`\`text output\n\`\`\`\n\`\`\`text output\n\`\`\`\n`, "no code before it"],
  ])("%j is refused", (text, complaint) => {
    expect(() => codeBlocks(text)).toThrow(complaint);
  });
});

it.each([
  ["1\n2\n", "1\n2", true],
  ["1\n2\n", "1", false],
  ["took 12 ms\n", "took … ms", true],
  ["took 12\nms\n", "took … ms", false],
  ["a\nb\nc\nd", "a\n…\nd", true],
  ["a\nd", "a\n…\nd", true],
  ["a\nb\nc\n", "a\n…\nd", false],
  ["a.b", "a*b", false],
])("%j printed where %j is written: %s", (printed, written, expected) => {
  expect(isAsWritten(printed, written)).toBe(expected);
});

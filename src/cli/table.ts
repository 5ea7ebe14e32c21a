/** A table for people: columns as wide as their widest cell, numbers to the right. */

export type Cell = string | number | undefined;

/** One line of text per row, the head in capitals first. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => (cell === undefined ? "-" : String(cell))));
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column].length)));
  const isNumber = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== "string"));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (isNumber[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join("  ")
      .trimEnd();
  return [line(head.map((name) => name.toUpperCase())), ...cells.map(line)];
}

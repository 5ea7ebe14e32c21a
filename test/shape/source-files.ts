/** The sources as the shape tests see them: every file under src/ with its syntax tree and its imports. */
import { readdirSync, readFileSync } from "node:fs";
import { posix, resolve } from "node:path";
import ts from "typescript";

export const root = resolve(import.meta.dirname, "../..");

export interface SourceFile {
  /** Within src/, with forward slashes: "storage/log.ts". */
  path: string;
  text: string;
  tree: ts.SourceFile;
  imports: Import[];
}

export interface Import {
  /** "storage/log.ts" for a file of ours, else the specifier itself: "node:fs", "commander". */
  target: string;
  isOurs: boolean;
  /** Erased by the compiler: `import type`, or every name marked `type`. */
  isType: boolean;
}

/** Every .ts file under a folder of the project, by its path within that folder. */
export function filesUnder(folder: string): string[] {
  return readdirSync(resolve(root, folder), { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .sort();
}

export function readSources(): SourceFile[] {
  return filesUnder("src").map((path) => {
    const text = readFileSync(resolve(root, "src", path), "utf8");
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
    return { path, text, tree, imports: importsOf(tree) };
  });
}

/** Calls `visit` for the node and everything below it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function importsOf(tree: ts.SourceFile): Import[] {
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, isType: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return;
    const isOurs = specifier.text.startsWith(".");
    const target = isOurs ? posix.join(posix.dirname(tree.fileName), specifier.text) : specifier.text;
    imports.push({ target, isOurs, isType });
  };
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly || areAllTypes(node.exportClause));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
  });
  return imports;
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  return clause.isTypeOnly || (!clause.name && areAllTypes(clause.namedBindings));
}

function areAllTypes(bindings: ts.Node | undefined): boolean {
  if (!bindings || !(ts.isNamedImports(bindings) || ts.isNamedExports(bindings))) return false;
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly);
}

/** Imports go down only: the table of layers, no cycles, no dead files, no package that is not declared. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { type Import, readSources, root, type SourceFile } from "./source-files.ts";

/**
 * Each layer and the layers below that it may import; itself and `errors` always. `types` may be imported as types only. A
 * layer is a folder of src/ or a file that lies in src/ itself. One that is not in the table is refused.
 */
const layers: Record<string, { imports: string[]; types?: string[] }> = {
  errors: { imports: [] },
  native: { imports: [] },
  format: { imports: ["native"] },
  storage: { imports: ["format", "native"] },
  engine: { imports: ["storage", "format"] },
  client: { imports: ["engine", "format"], types: ["storage"] },
  wire: { imports: ["engine", "format"], types: ["storage"] },
  testing: { imports: ["client", "wire", "storage"] },
  kafkajs: { imports: ["client"] },
  index: { imports: ["client", "engine", "storage", "format", "native", "wire"] },
  cli: { imports: ["index", "client", "engine", "storage", "format", "native", "wire", "testing"] },
};

/** The packages that a layer may import, besides Node's own modules. */
const packages: Record<string, string[]> = {
  storage: ["xxhash-wasm"],
  client: ["msgpackr"],
  cli: ["commander"],
};

interface Export {
  import?: { default: string };
}

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));
const manifest = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));
/** What package.json exports or runs: dist/index.js is made from src/index.ts, and so on. */
const shipped: string[] = [
  ...Object.values<Export>(manifest.exports).flatMap((one) => one.import?.default ?? []),
  manifest.bin.varve,
];
const entryPoints = shipped.map((path) => path.replace("./dist/", "").replace(/js$/, "ts"));
const isWhole = entryPoints.every((path) => byPath.has(path));

const layerOf = (path: string) => path.split("/")[0].replace(/\.ts$/, "");

describe("the table of layers", () => {
  it("has every layer of src", () => {
    const found = new Set(sources.map((source) => layerOf(source.path)));
    expect([...found].filter((layer) => !(layer in layers))).toEqual([]);
    expect(found.size).toBeGreaterThan(3);
  });

  it("goes down only", () => {
    const order = Object.keys(layers);
    for (const [layer, { imports, types = [] }] of Object.entries(layers)) {
      for (const below of [...imports, ...types])
        expect(order.indexOf(below), `${layer} → ${below}`).toBeLessThan(order.indexOf(layer));
    }
  });

  it("is kept by every import", () => {
    const broken = sources.flatMap((source) =>
      source.imports
        .filter((edge) => edge.isOurs && !isAllowed(source, edge))
        .map((edge) => `${source.path} → ${edge.target}`),
    );
    expect(broken).toEqual([]);
  });

  it("leads to files that exist", () => {
    const missing = sources.flatMap((source) =>
      source.imports
        .filter((edge) => edge.isOurs && !byPath.has(edge.target))
        .map((edge) => `${source.path} → ${edge.target}`),
    );
    expect(missing).toEqual([]);
  });
});

describe("packages", () => {
  it("are imported only where the table says, and Node's modules as node:…", () => {
    const broken = sources.flatMap((source) =>
      source.imports
        .filter((edge) => !edge.isOurs && !edge.target.startsWith("node:"))
        .filter((edge) => !packages[layerOf(source.path)]?.includes(edge.target))
        .map((edge) => `${source.path} → ${edge.target}`),
    );
    expect(broken).toEqual([]);
  });

  it("in the table are the dependencies of package.json", () => {
    expect(Object.values(packages).flat().sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });

  it.runIf(isWhole)("in the table are all imported", () => {
    const imported = new Set(sources.flatMap((source) => source.imports.map((edge) => edge.target)));
    expect(Object.keys(manifest.dependencies).filter((name) => !imported.has(name))).toEqual([]);
  });
});

describe("files", () => {
  it("do not import each other in a circle", () => {
    expect(findCycles(sources)).toEqual([]);
  });

  it("the search for circles finds one", () => {
    const edge = (target: string): Import => ({ target, isOurs: true, isType: false });
    const file = (path: string, target: string) => ({ path, imports: [edge(target)] });
    expect(findCycles([file("a", "b"), file("b", "c"), file("c", "b")])).toEqual(["b → c → b"]);
  });

  it.runIf(isWhole)("are all reached from what package.json exports or runs", () => {
    const reached = new Set<string>();
    const follow = (path: string) => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const edge of byPath.get(path)?.imports ?? []) if (edge.isOurs) follow(edge.target);
    };
    entryPoints.forEach(follow);
    expect(sources.map((source) => source.path).filter((path) => !reached.has(path))).toEqual([]);
  });
});

function isAllowed(source: SourceFile, { target, isType }: Import): boolean {
  const [from, to] = [layerOf(source.path), layerOf(target)];
  const { imports, types = [] } = layers[from] ?? { imports: [] };
  return to === from || to === "errors" || imports.includes(to) || (isType && types.includes(to));
}

/** Each circle once, as "a → b → a". Types count: files that need each other's types are one thing in two files. */
function findCycles(files: Pick<SourceFile, "path" | "imports">[]): string[] {
  const edges = new Map(
    files.map((file) => [file.path, file.imports.filter((edge) => edge.isOurs).map((edge) => edge.target)]),
  );
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: string[]) => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.push([...trail.slice(at), path].join(" → "));
    if (at >= 0 || done.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const file of files) visit(file.path, []);
  return cycles;
}

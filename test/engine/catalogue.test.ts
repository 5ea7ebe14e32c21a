import { describe, expect, it } from "vitest";
import { Catalogue, type CatalogueContent, loadCatalogue, readCatalogue } from "../../src/engine/catalogue.ts";
import type { Files } from "../../src/storage/files.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { errorOf, FOLDER } from "./engines.ts";

const PATH = `${FOLDER}/topics.json`;
const PREVIOUS = `${FOLDER}/topics.json.previous`;

function topic(name: string, partitions: number, config = {}) {
  return { name, id: "L5qNEuwobEHuMSNkZ_ghCw", partitions, config, logStarts: [[0, 7]] as [number, number][] };
}

function contentOf(...topics: CatalogueContent["topics"]): CatalogueContent {
  return { clusterId: "cluster", directoryId: "varve-directory", nextProducerId: 0, topics };
}

/** A folder in which each of the contents was written, one after the other. */
async function written(...contents: CatalogueContent[]): Promise<Files> {
  const files = new MemoryFiles();
  files.makeFolder(FOLDER);
  const catalogue = new Catalogue(files, FOLDER);
  for (const content of contents) await catalogue.write(() => content);
  return files;
}

function edit(files: Files, path: string, change: (bytes: Uint8Array) => Uint8Array): void {
  const bytes = change(files.read(path)!);
  files.remove(path);
  const file = files.open(path, "create");
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

const A = contentOf(topic("a", 1));
const AB = contentOf(topic("a", 1), topic("b", 2, { retentionMs: 5 }));

describe("the catalogue", () => {
  it("comes back as it was written, with its predecessor beside it", async () => {
    const files = await written(A, AB);
    expect(loadCatalogue(files, FOLDER, new Set())).toMatchObject({ content: { ...AB, generation: 2, version: 1 } });
    expect(readCatalogue(files, PREVIOUS)).toMatchObject({ content: { ...A, generation: 1 } });
  });

  it("goes on counting and keeping when it is loaded and written again", async () => {
    const files = await written(A);
    const found = loadCatalogue(files, FOLDER, new Set());
    await new Catalogue(files, FOLDER, found).write(() => AB);
    expect(readCatalogue(files, PATH)).toMatchObject({ content: { ...AB, generation: 2 } });
    expect(readCatalogue(files, PREVIOUS)).toMatchObject({ content: A });
  });

  it("keeps a topic that is called __proto__", async () => {
    const files = await written(contentOf(topic("__proto__", 1)));
    expect(loadCatalogue(files, FOLDER, new Set()).content.topics[0].name).toBe("__proto__");
  });

  it("never passes for whole with any one bit flipped", async () => {
    const files = await written(AB);
    const good = files.read(PATH)!;
    const outcomes = new Set<string>();
    for (let bit = 0; bit < good.length * 8; bit++) {
      edit(files, PATH, () => good.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
      outcomes.add((await errorOf(() => loadCatalogue(files, FOLDER, new Set(["a-0", "b-0", "b-1"])))).code);
    }
    // A flip in the version's digit reads as a newer version.
    expect([...outcomes].sort()).toEqual(["VARVE_CATALOGUE", "VARVE_UNSUPPORTED_VERSION"]);
  });

  it("of a newer version is not touched", async () => {
    const files = await written(A, AB);
    edit(files, PATH, (bytes) => Buffer.from(Buffer.from(bytes).toString().replace('"version": 1', '"version": 2')));
    const error = await errorOf(() => loadCatalogue(files, FOLDER, new Set()));
    expect(error).toMatchObject({ code: "VARVE_UNSUPPORTED_VERSION", file: PATH });
    expect(error.message).toContain("version 2");
  });
});

describe("a damaged catalogue", () => {
  const damage: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ["empty", () => new Uint8Array(0)],
    ["halved", (bytes) => bytes.slice(0, bytes.length >> 1)],
    ["zeroed", (bytes) => new Uint8Array(bytes.length)],
    [
      "with another digit",
      (bytes) => Buffer.from(Buffer.from(bytes).toString().replace('"partitions": 1', '"partitions": 3')),
    ],
  ];

  it.each(damage)("%s: its predecessor stands in where the folders agree, without retention", async (_, change) => {
    const files = await written(AB, AB);
    edit(files, PATH, change);
    const found = loadCatalogue(files, FOLDER, new Set(["a-0", "b-0", "b-1"]));
    expect(found.fallback).toContain("topics.json");
    expect(found.content.topics).toEqual([topic("a", 1), topic("b", 2)]);
    expect(found.content.nextProducerId).toBe(1000);
  });

  it.each([
    ["a topic was made since", ["a-0", "b-0", "b-1"], "it does not know the folder b-0"],
    ["a topic was deleted since", [], "there is no folder a-0"],
    ["a partition was added since", ["a-0", "a-1"], "it does not know the folder a-1"],
  ])("is lost when %s", async (_, folders, why) => {
    const files = await written(A, AB);
    edit(files, PATH, (bytes) => bytes.slice(1));
    const error = await errorOf(() => loadCatalogue(files, FOLDER, new Set(folders)));
    expect(error).toMatchObject({ code: "VARVE_CATALOGUE", file: PATH });
    expect(error.message).toContain(why);
    expect(error.message).toContain("varve repair");
  });

  it("is lost when its predecessor is damaged too", async () => {
    const files = await written(A, A);
    for (const path of [PATH, PREVIOUS]) edit(files, path, (bytes) => bytes.slice(1));
    expect(await errorOf(() => loadCatalogue(files, FOLDER, new Set(["a-0"])))).toMatchObject({
      code: "VARVE_CATALOGUE",
    });
  });

  it("is lost when it is missing, whatever its predecessor says", async () => {
    const files = await written(A, A);
    files.remove(PATH);
    expect(await errorOf(() => loadCatalogue(files, FOLDER, new Set(["a-0"])))).toMatchObject({
      code: "VARVE_CATALOGUE",
    });
  });

  it("that was swapped with its predecessor gives the newer of the two", async () => {
    const files = await written(A, AB);
    files.rename(PATH, `${FOLDER}/kept`);
    files.rename(PREVIOUS, PATH);
    files.rename(`${FOLDER}/kept`, PREVIOUS);
    const found = loadCatalogue(files, FOLDER, new Set(["a-0", "b-0", "b-1"]));
    expect(found.content.topics.map(({ name }) => name)).toEqual(["a", "b"]);
  });
});

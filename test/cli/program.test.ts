/** The command as a whole: help, versions, and which exit code means what. */
import { describe, expect, it } from "vitest";
import { dataFolder } from "./data-folder.ts";
import { varve } from "./running.ts";

const commands = ["topics", "produce", "consume", "offsets", "dump", "verify", "repair", "tour"];

describe("--help", () => {
  it("lists the commands, with examples", async () => {
    const { code, stdout, stderr } = await varve(["--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
    expect(stdout).toContain("Examples:");
  });

  it.each([...commands.map((command) => [command]), ["topics", "create"], ["topics", "alter"]])(
    "tells of %s %s, with the options of all commands",
    async (...command) => {
      const { code, stdout } = await varve([...command.filter((word) => word !== undefined), "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: varve ${command.filter(Boolean).join(" ")}`);
      for (const part of ["Examples:", "--dir <dir>", "--json"]) expect(stdout).toContain(part);
    },
  );
});

it("--version is one line", async () => {
  expect(await varve(["--version"])).toMatchObject({ code: 0, stdout: "0.0.0-test\n", stderr: "" });
});

describe("misuse has the exit code 2, and nothing on stdout", () => {
  it("says what the mistake was, and whose help to ask for", async () => {
    expect((await varve(["topics", "create"])).stderr).toBe(
      "varve: missing required argument 'topic'\n(varve topics create --help shows how)\n",
    );
  });

  it.each([
    [[], "Usage: varve"],
    [["topics"], "Usage: varve topics"],
    [["frobnicate"], "unknown command 'frobnicate'"],
    [["consum"], "Did you mean consume?"],
    [["topics", "frobnicate"], "unknown command 'frobnicate'"],
    [["consume", "t", "--frobnicate"], "unknown option '--frobnicate'"],
    [["consume", "t", "extra"], "too many arguments"],
    [["consume"], "missing required argument 'topic'"],
    [["dump"], "missing required argument 'file'"],
    [["dump", "--encoding", "ebcdic", "x"], "Allowed choices are utf8, base64, hex"],
    [["verify", "--dir"], "argument missing"],
  ])("%j", async (args, message) => {
    expect(await varve(args)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
  });
});

describe("--dir and --json", () => {
  it("may stand before the command, between, and behind", async () => {
    const { dir } = dataFolder();
    await varve(["--dir", dir, "topics", "create", "t"]);
    for (const args of [
      ["--dir", dir, "--json", "topics", "list"],
      ["topics", "--dir", dir, "list", "--json"],
      ["topics", "list", "--json", "--dir", dir],
      ["topics", "list", "--json", `--dir=${dir}`],
    ]) {
      expect((await varve(args)).objects()).toMatchObject([{ name: "t" }]);
    }
  });
});

it("a failure has the exit code 1, one line on stderr, and its code", async () => {
  const { stderr, ...rest } = await varve(["topics", "list", "--dir", "/nowhere/at/all"]);
  expect(rest).toMatchObject({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^varve: .*\/nowhere\/at\/all.* \(VARVE_NOT_FOUND\)\n$/);
});

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { optionsHelp } from "../../../src/cli/help.ts";
import { OPTION_NAMES } from "../../../src/config/options.ts";
import { MANUAL_PATH, manual } from "../../../tools/option-docs.ts";
import { errors, toml } from "./host.ts";

test("the manual says what the option table says (node tools/bun.mjs run tools/option-docs.ts writes it)", () => {
  expect(readFileSync(MANUAL_PATH, "utf8")).toBe(manual());
});

test("--help names every option and keeps to the width of a terminal", () => {
  const text = optionsHelp("run");
  for (const name of OPTION_NAMES) expect(text).toMatch(new RegExp(`--${name}(=| |\\n)`));
  for (const line of text.split("\n")) {
    // A long list of words stands on a line of its own.
    if (!line.includes("|") && line.trim().includes(" ")) expect(line.length).toBeLessThanOrEqual(110);
  }
});

test("the example of the manual is a valid configuration", () => {
  const example = manual().split("## sluice.toml")[1]!.split("The first interface")[0]!;
  const text = example
    .split("\n")
    .filter((line) => line.startsWith("    ") || line === "")
    .join("\n");
  expect(text).toContain("[interface.pub]");
  expect(errors(toml(text))).toEqual([]);
});

import { expect, test } from "bun:test";
import { join } from "node:path";
import { FLAGS, KEYS } from "../../../src/ng/flags.ts";
import { flagDocs } from "../../../tools/flag-docs.ts";

test("docs/flags.md is what the flag table prints", async () => {
  const page = Bun.file(join(import.meta.dir, "../../../docs/flags.md"));
  expect(await page.text()).toBe(flagDocs());
});

test("every spelling is in the documentation", () => {
  const page = flagDocs();
  for (const spelling of [...KEYS, ...FLAGS].flatMap((entry) => entry.spellings)) {
    expect(page).toContain(`\`${spelling}\``);
  }
});

/** What is remembered of a call's decisions. */
import { expect, test } from "bun:test";
import { Journal } from "../../../src/call/journal.ts";
import { MAX_JOURNAL_ENTRIES } from "../../../src/limits.ts";

test("of too many entries the beginning and the end stay, and the number of the others is known", () => {
  const journal = new Journal();
  expect(journal.entries).toEqual([]);
  const total = MAX_JOURNAL_ENTRIES + 37;
  for (let i = 0; i < total; i++) journal.add({ at: i, tag: "A", section: 1, text: `decision ${i}` });
  const { entries, dropped } = journal;
  expect(entries.length).toBe(MAX_JOURNAL_ENTRIES);
  expect(dropped).toBe(37);
  expect(entries[0]?.text).toBe("decision 0");
  expect(entries.at(-1)?.text).toBe(`decision ${total - 1}`);
});

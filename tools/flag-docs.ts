/** Prints the documentation of the flag table: `node tools/bun.mjs run tools/flag-docs.ts > docs/flags.md`. */
import { FLAGS, KEYS, PREFIXES } from "../src/ng/flags.ts";
import { COMMANDS } from "../src/ng/vocabulary/commands.ts";
import type { Status, WordList } from "../src/ng/vocabulary/entry.ts";

const STATUS: Readonly<Record<Status, string>> = { honoured: "yes", later: "not yet", obsolete: "obsolete" };

/** Pipes would end a table's cell. */
const cell = (text: string) => text.replaceAll("|", "\\|");
const code = (text: string) => `\`${cell(text)}\``;
const codes = (texts: readonly string[]) => texts.map(code).join(", ");

function row(...cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(...head), row(...head.map(() => "---")), ...rows.map((cells) => row(...cells))].join("\n");
}

function wordTable({ words, patterns }: WordList): string {
  return table(
    ["Value", "Also", "Meaning", "Honoured"],
    [
      ...words.map((word) => [
        code(word.name),
        codes(word.spellings.filter((spelling) => spelling !== word.name)),
        cell(word.doc),
        STATUS[word.status],
      ]),
      ...patterns.map(({ form, doc, status }) => [code(form), "", cell(doc), STATUS[status]]),
    ],
  );
}

/** The whole page. */
export function flagDocs(): string {
  const enumerated = KEYS.filter((key) => key.words);
  return `# Keys and flags of the ng protocol

This page is printed from the flag table (\`src/ng/flags.ts\`) by \`tools/flag-docs.ts\`; do not edit it.

Spellings are exact and case-sensitive; those listed are all there are. "Honoured" says what this version does: *yes*;
*not yet* = accepted, decoded and reported once per controller in the log; *obsolete* = accepted, ignored and reported. Unknown
keys, flags and values never fail a request: they are reported once per controller, too. Only \`sdp-attr\` and
\`sdp-media-remove\` of a wrong shape do.

* Lists may be written as a string with commas, integers as decimal text.
* In lists of codecs, attributes and tags \`--\` stands for \`=\` and \`..\` for a space.
* A key may come more than once: the last of equal scalars counts, lists add up.
* Templates of the configuration are applied first: \`default\`, then the one named like the command.

## Commands

${table(
  ["Command", "Name in statistics", "Meaning", "Honoured"],
  COMMANDS.map(({ spellings, short, doc, status }) => [codes(spellings), short, cell(doc), STATUS[status]]),
)}

## Keys

${table(
  ["Key", "Also", "Type", "Commands", "Meaning", "Honoured"],
  KEYS.map(({ name, spellings, type, commands, doc, status, words }) => [
    code(name),
    codes(spellings.slice(1)),
    words ? "values below" : type,
    commands ? codes(commands) : "",
    cell(doc),
    STATUS[status],
  ]),
)}

## Values of keys

${enumerated.map(({ name, words }) => `### ${code(name)}\n\n${wordTable(words!)}`).join("\n\n")}

## Flags

Members of the list \`flags\`, and words of a flag string.

${table(
  ["Flag", "Also", "Commands", "Meaning", "Honoured"],
  FLAGS.map(({ spellings, commands, doc, status }) => [
    code(spellings[0]!),
    codes(spellings.slice(1)),
    commands ? codes(commands) : "",
    cell(doc),
    STATUS[status],
  ]),
)}

## Flags with a value

The value follows the prefix without anything between.

${table(
  ["Prefix", "Value", "Commands", "Meaning", "Honoured"],
  PREFIXES.map(({ prefix, value, onlyIn, doc, status }) => [
    code(prefix),
    cell(value),
    onlyIn ? codes(onlyIn) : "",
    cell(doc),
    STATUS[status],
  ]),
)}

## Flag strings

\`rtpp-flags\` and templates hold everything above in one string: words separated by spaces; \`flag\`, \`key=value\`,
\`key=[a b]\` for a list, \`key=[k=v l=[x y]]\` for a dictionary. In addition:

| Word | Meaning |
| --- | --- |
| \`RTP\`, \`SRTP\`, \`AVP\`, \`AVPF\`, \`DTLS\` | change one part of \`transport-protocol\` |
| \`RTP/AVP\` … \`UDP/TLS/RTP/SAVPF\` | \`transport-protocol\` as a whole |
| \`internal\`, \`external\`, \`direction=X\` | interface towards the sender (first) and the receiver (second) |
| \`to-tag=X\` | the key \`to-tag\` and the flag \`to-tag\` |
| \`from-tag=X\` | the key \`from-tag\` and the flag \`directional\` |
| \`transcode=X\`, \`codec-strip=X\`, … | as \`transcode-X\`, \`codec-strip-X\`, … |
`;
}

if (import.meta.main) process.stdout.write(flagDocs());

/**
 * sluice.toml: the same option names at the top level, arrays for options with several values, and two kinds of table:
 *
 *     [interface.pub]          # or [[interface]] with `name = "pub"`
 *     address = "10.0.0.5"     # or an array
 *     advertised = "203.0.113.10"
 *
 *     [templates]
 *     offer = "replace-origin"
 */
import { parse, TomlDate, TomlError } from "smol-toml";
import type { Given } from "./command-line.ts";
import type { ConfigFile, SectionEntry } from "./config-file.ts";
import { unknownKey } from "./config-file.ts";
import type { Finding, Origin } from "./finding.ts";
import { NAMES, optionNamed } from "./options.ts";

type Table = Record<string, unknown>;

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof TomlDate);

export function readTomlFile(text: string, file: string): ConfigFile {
  const given: Given[] = [];
  const findings: Finding[] = [];
  const interfaces: ConfigFile["interfaces"][number][] = [];
  const templates: SectionEntry[] = [];
  const done = (): ConfigFile => ({ given, findings, interfaces, templates, hasTemplates: templates.length > 0 });

  let root: Table;
  try {
    root = parse(text.replace(/^\ufeff/, "")) as Table;
  } catch (error) {
    const at = error instanceof TomlError ? error : undefined;
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
    findings.push({
      severity: "error",
      key: undefined,
      value: undefined,
      reason: at ? `column ${at.column}: ${reason}` : reason,
      write: undefined,
      origin: { source: "file", file, line: at?.line },
    });
    return done();
  }

  const lines = keyLines(text);
  const originOf = (...path: string[]): Origin => ({ source: "file", file, line: lines.get(path.join("\0")) });
  const problem = (
    severity: Finding["severity"],
    path: string[],
    value: string | undefined,
    reason: string,
    write?: string,
  ) => findings.push({ severity, key: path.join("."), value, reason, write, origin: originOf(...path) });

  const section = (path: string[], ident: string | undefined, table: Table, line: Origin): void => {
    const entries: SectionEntry[] = [];
    for (const [key, value] of Object.entries(table)) {
      const texts = textsOf(value);
      if (texts === undefined)
        problem("error", [...path, key], undefined, "must be a text, a number or an array of these");
      else {
        const at = lines.get([...path, key].join("\0"));
        entries.push({ key, texts, origin: at === undefined ? line : { source: "file", file, line: at } });
      }
    }
    interfaces.push({ ident, entries, origin: line });
  };

  const option = (key: string, value: unknown): void => {
    const found = NAMES.get(key);
    const texts = textsOf(value);
    if (!found || optionNamed(found.name).commandLineOnly) {
      findings.push(unknownKey(key, texts?.join(", "), originOf(key), '"'));
      return;
    }
    if (texts === undefined) {
      problem("error", [key], undefined, `must be ${optionNamed(found.name).type.form}, not a table`);
      return;
    }
    if (Array.isArray(value) && !optionNamed(found.name).type.multiple) {
      problem(
        "error",
        [key],
        `[${texts.join(", ")}]`,
        `takes one value, not an array: ${optionNamed(found.name).type.form}`,
      );
      return;
    }
    given.push({ name: found.name, key, texts, origin: originOf(key) });
  };

  const topLevel = (table: Table, path: string[]): void => {
    for (const [key, value] of Object.entries(table)) {
      if (key === "interface" && isTable(value)) {
        for (const [name, each] of Object.entries(value)) {
          if (isTable(each)) section([...path, key, name], name, each, originOf(...path, key, name));
          else problem("error", [key, name], textsOf(each)?.join(", "), "must be a table", `[interface.${name}]`);
        }
      } else if (key === "interface" && Array.isArray(value) && value.some(isTable)) {
        value.forEach((each, i) => {
          const at: Origin = { source: "file", file, line: lines.get(`${key}\0${i}`) ?? lines.get(key) };
          if (!isTable(each)) {
            const text = textsOf(each);
            if (text) given.push({ name: "interface", key, texts: text, origin: at });
            else problem("error", [key], undefined, "must be a text or a table");
            return;
          }
          const { name, ...rest } = each;
          if (typeof name !== "string")
            problem("error", [key], undefined, `entry ${i + 1} has no name`, 'name = "pub"');
          else section([key, String(i)], name, rest, at);
        });
      } else if (key === "templates" && isTable(value)) {
        for (const [name, each] of Object.entries(value)) {
          if (typeof each === "string") {
            templates.push({ key: name, texts: [each], origin: originOf(...path, key, name) });
          } else
            problem(
              "error",
              [key, name],
              textsOf(each)?.join(", "),
              "must be a text with flags",
              `${name} = "replace-origin"`,
            );
        }
      } else if (key === "templates" || key === "interfaces-config" || key === "transcode-config") {
        const write = key === "templates" ? "[templates]" : key === "interfaces-config" ? "[interface.pub]" : undefined;
        problem(
          "error",
          [key],
          textsOf(value)?.join(", "),
          "names sections of rtpengine.conf; in TOML it is a table itself",
          write,
        );
      } else if ((key === "rtpengine" || key === "sluice") && isTable(value) && path.length === 0) {
        problem(
          "warning",
          [key],
          undefined,
          "options stand at the top of a TOML file, in no table; they are read nevertheless",
        );
        topLevel(value, [key]);
      } else option(key, value);
    }
  };
  topLevel(root, []);
  return done();
}

/** A scalar, or an array of scalars, as the texts that other sources would have. */
function textsOf(value: unknown): string[] | undefined {
  if (Array.isArray(value)) {
    const texts = value.map((each) => (Array.isArray(each) ? undefined : textsOf(each)?.[0]));
    return texts.every((text) => text !== undefined) ? (texts as string[]) : undefined;
  }
  if (typeof value === "string") return [value];
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return [String(value)];
  if (value instanceof TomlDate) return [value.toISOString()];
  return undefined;
}

/**
 * Line of each key and table, by its path joined with zero bytes. The parser keeps no positions; this scan knows plain keys
 * and table headers, which is what people write. A key it misses is reported without a line.
 */
function keyLines(text: string): Map<string, number> {
  const found = new Map<string, number>();
  let table: string[] = [];
  const counts = new Map<string, number>();
  text.split("\n").forEach((line, i) => {
    const header = /^\s*(\[\[?)\s*([^\]]+?)\s*\]/.exec(line);
    if (header && !line.includes("=")) {
      table = dotted(header[2]!);
      if (header[1] === "[[") {
        const name = table.join("\0");
        const count = counts.get(name) ?? 0;
        counts.set(name, count + 1);
        table.push(String(count));
      }
      if (!found.has(table.join("\0"))) found.set(table.join("\0"), i + 1);
      return;
    }
    const key = /^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/.exec(
      line,
    );
    if (!key) return;
    const path = [...table, ...dotted(key[1]!)];
    for (let length = table.length + 1; length <= path.length; length++) {
      const name = path.slice(0, length).join("\0");
      if (!found.has(name)) found.set(name, i + 1);
    }
  });
  return found;
}

const dotted = (text: string): string[] =>
  (text.match(/"[^"]*"|'[^']*'|[^.\s]+/g) ?? []).map((part) => part.replace(/^["']|["']$/g, ""));

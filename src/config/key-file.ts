/**
 * The format of rtpengine.conf: `[section]`, `key = value`, whole-line comments. A superset: keys in front of the first
 * section are kept (as those of the main section), and what cannot be understood is reported with its line.
 */
import type { Finding, Origin } from "./finding.ts";

export interface KeyFileEntry {
  readonly key: string;
  /** Trimmed, with backslash sequences as written. */
  readonly value: string;
  readonly line: number;
}

export interface KeyFileSection {
  /** Undefined: in front of the first section. */
  readonly name: string | undefined;
  readonly line: number;
  readonly entries: readonly KeyFileEntry[];
}

export interface KeyFile {
  /** In file order; a section that occurs twice is one, at its first place. */
  readonly sections: readonly KeyFileSection[];
  readonly findings: readonly Finding[];
}

export function parseKeyFile(text: string, file: string): KeyFile {
  const sections: { name: string | undefined; line: number; entries: KeyFileEntry[] }[] = [];
  const byName = new Map<string | undefined, KeyFileEntry[]>();
  const findings: Finding[] = [];
  const open = (name: string | undefined, line: number): KeyFileEntry[] => {
    let entries = byName.get(name);
    if (!entries) {
      entries = [];
      byName.set(name, entries);
      sections.push({ name, line, entries });
    }
    return entries;
  };
  let current: KeyFileEntry[] | undefined;
  text
    .replace(/^\ufeff/, "")
    .split("\n")
    .forEach((raw, i) => {
      const line = i + 1;
      const origin: Origin = { source: "file", file, line };
      const content = raw.trim();
      if (content === "" || content.startsWith("#") || content.startsWith(";")) return;
      if (content.startsWith("[")) {
        const header = /^\[([^[\]]+)\]\s*(?:[#;].*)?$/.exec(content);
        if (!header) {
          findings.push({
            severity: "error",
            key: undefined,
            value: undefined,
            reason: `'${content}' is no section header`,
            write: "[rtpengine]",
            origin,
          });
          return;
        }
        current = open(header[1]!.trim(), line);
        return;
      }
      const equals = content.indexOf("=");
      const key = equals < 0 ? content : content.slice(0, equals).trim();
      if (equals < 0 || key === "") {
        findings.push({
          severity: "error",
          key: undefined,
          value: undefined,
          reason: `'${content}' is neither a [section], a comment nor \`key = value\``,
          write: /^[a-z0-9-]+$/i.test(content) ? `${content} = true` : undefined,
          origin,
        });
        return;
      }
      current ??= open(undefined, line);
      current.push({ key, value: content.slice(equals + 1).trim(), line });
    });
  return { sections, findings };
}

/** Backslash sequences of the format: `\s` space, `\n`, `\t`, `\r`, `\\`; an unknown one stays as it is. */
export function unescapeValue(value: string): string {
  return value.replace(/\\([sntr\\])/g, (_, char: string) => ({ s: " ", n: "\n", t: "\t", r: "\r" })[char] ?? "\\");
}

/** Elements of a `;` list, without empty ones; `\;` is a semicolon in an element. */
export function splitList(value: string): string[] {
  const elements: string[] = [];
  let element = "";
  for (let i = 0; i < value.length; i++) {
    const char = value[i]!;
    if (char === "\\" && i + 1 < value.length) {
      element += value[i + 1] === ";" ? ";" : char + value[i + 1]!;
      i++;
    } else if (char === ";") {
      elements.push(element);
      element = "";
    } else element += char;
  }
  elements.push(element);
  return elements.map((each) => unescapeValue(each.trim())).filter((each) => each !== "");
}

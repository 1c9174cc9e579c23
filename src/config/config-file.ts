/** What a configuration file says, whichever format it has; and the reader of rtpengine.conf. */
import type { Given } from "./command-line.ts";
import type { Finding, Origin } from "./finding.ts";
import { type KeyFileSection, parseKeyFile, splitList, unescapeValue } from "./key-file.ts";
import { mistakeFor } from "./mistakes.ts";
import { NAMES, type OptionName, optionNamed } from "./options.ts";
import { nearest } from "./values.ts";

/** One key of a section that holds no options. */
export interface SectionEntry {
  readonly key: string;
  readonly texts: readonly string[];
  readonly origin: Origin;
}

/** An interface described by a section of its own. */
export interface InterfaceSection {
  readonly ident: string | undefined;
  readonly entries: readonly SectionEntry[];
  readonly origin: Origin;
}

export interface ConfigFile {
  /** In file order; of options written twice the last counts. */
  readonly given: readonly Given[];
  readonly interfaces: readonly InterfaceSection[];
  readonly templates: readonly SectionEntry[];
  readonly hasTemplates: boolean;
  readonly findings: readonly Finding[];
}

/**
 * Reads rtpengine.conf. `section`: where the options stand. `sectionGiven`: it was named explicitly, so it must exist.
 * `overrides`: options of the command line that name further sections.
 */
export function readKeyFile(
  text: string,
  file: string,
  section: string,
  sectionGiven: boolean,
  overrides: { readonly templates?: string | undefined; readonly interfacesConfig?: string | undefined } = {},
): ConfigFile {
  const { sections, findings: syntax } = parseKeyFile(text, file);
  const findings: Finding[] = [...syntax];
  const given: Given[] = [];
  const at = (line: number): Origin => ({ source: "file", file, line });
  const finding = (
    severity: Finding["severity"],
    key: string | undefined,
    reason: string,
    line: number | undefined,
    write?: string,
  ) => findings.push({ severity, key, value: undefined, reason, write, origin: { source: "file", file, line } });

  const headerless = sections.find((each) => each.name === undefined);
  const main = sections.find((each) => each.name === section);
  if (headerless) {
    finding(
      "warning",
      undefined,
      `these lines are in no section; they are read as [${section}], rtpengine would not start`,
      headerless.line,
      `[${section}]`,
    );
  }
  if (!main && (sectionGiven || (!headerless && sections.length > 0))) {
    const names = sections.flatMap((each) => (each.name === undefined ? [] : [`[${each.name}]`]));
    finding(
      "error",
      undefined,
      `has no section [${section}]${names.length > 0 ? `; it has ${names.slice(0, 8).join(", ")}` : ""}`,
      undefined,
      sectionGiven ? undefined : `[${section}]`,
    );
  }

  const linesOf = new Map<OptionName, number>();
  for (const { key, value, line } of [...(headerless?.entries ?? []), ...(main?.entries ?? [])]) {
    const found = NAMES.get(key);
    if (!found || optionNamed(found.name).commandLineOnly) {
      findings.push(unknownKey(key, value, at(line), ""));
      continue;
    }
    const before = linesOf.get(found.name);
    if (before !== undefined) {
      const join = optionNamed(found.name).type.multiple;
      finding(
        "warning",
        key,
        `was already written in line ${before}; only the last one counts`,
        line,
        join ? `${found.name} = FIRST;SECOND` : undefined,
      );
    }
    linesOf.set(found.name, line);
    given.push({
      name: found.name,
      key,
      texts: valueTexts(found.name, key, value, at(line), findings),
      origin: at(line),
    });
  }

  const lastText = (name: OptionName) => given.findLast((each) => each.name === name)?.texts.at(-1);
  const templatesName = overrides.templates ?? lastText("templates");
  const prefix = overrides.interfacesConfig ?? lastText("interfaces-config");
  const templates = templatesName === undefined ? undefined : sections.find((each) => each.name === templatesName);
  if (templatesName !== undefined && !templates) {
    const line = overrides.templates === undefined ? linesOf.get("templates") : undefined;
    finding("error", "templates", `there is no section [${templatesName}]`, line, `[${templatesName}]`);
  }
  const described = prefix === undefined ? [] : sections.filter((each) => each.name?.startsWith(`${prefix}-`));
  if (prefix !== undefined && described.length === 0) {
    const line = overrides.interfacesConfig === undefined ? linesOf.get("interfaces-config") : undefined;
    finding("error", "interfaces-config", `there is no section [${prefix}-NAME]`, line, `[${prefix}-pub]`);
  }
  for (const each of sections) if (each !== main && each !== templates) hintUnused(each, described, prefix, finding);

  const entries = (each: KeyFileSection): SectionEntry[] =>
    each.entries.map(({ key, value, line }) => ({ key, texts: [unescapeValue(value)], origin: at(line) }));
  return {
    given,
    interfaces: described.map((each) => ({
      ident: each.name!.slice(prefix!.length + 1),
      origin: at(each.line),
      entries: each.entries.map(({ key, value, line }) => ({
        key,
        texts: key === "exclude-ports" ? splitList(withoutComment(value)) : [unescapeValue(withoutComment(value))],
        origin: at(line),
      })),
    })),
    templates: templates ? entries(templates) : [],
    hasTemplates: templates !== undefined,
    findings,
  };
}

/** A section that describes an interface but is not read as one. */
function hintUnused(
  section: KeyFileSection,
  described: readonly KeyFileSection[],
  prefix: string | undefined,
  finding: (severity: "warning", key: undefined, reason: string, line: number, write?: string) => void,
): void {
  const dash = section.name?.lastIndexOf("-") ?? -1;
  if (dash <= 0 || described.includes(section)) return;
  if (!section.entries.some(({ key }) => key === "address" || key === "advertised")) return;
  const own = section.name!.slice(0, dash);
  finding(
    "warning",
    undefined,
    `[${section.name}] looks like an interface but is not used${prefix === undefined ? "" : `: interfaces-config is ${prefix}`}`,
    section.line,
    `interfaces-config = ${own}`,
  );
}

/** The value's elements, freed of comments and quotes where the option's syntax has none of its own. */
function valueTexts(name: OptionName, key: string, value: string, origin: Origin, findings: Finding[]): string[] {
  const { type } = optionNamed(name);
  let text = value;
  if (type.comments) text = withoutComment(value);
  else if (/\s#/.test(value)) {
    findings.push({
      severity: "warning",
      key,
      value,
      reason: "the text after # belongs to the value here; a comment needs a line of its own",
      write: `${key} = ${withoutComment(value)}`,
      origin,
    });
  }
  const quoted = /^(["'])(.*)\1$/s.exec(text);
  if (quoted) {
    const inner = quoted[2]!;
    findings.push({
      severity: "warning",
      key,
      value,
      reason: type.comments
        ? "values have no quotes in this format; they are left out"
        : "quotes are part of the value in this format",
      write: `${key} = ${inner}`,
      origin,
    });
    if (type.comments) text = inner;
  }
  if (type.multiple) return splitList(text);
  return [unescapeValue(text)];
}

const withoutComment = (value: string): string => (value.startsWith("#") ? "" : value.replace(/\s+#.*$/s, ""));

/** A key that is no option. It never stops the start: files are shared with versions that know more, or less. */
export function unknownKey(key: string, value: string | undefined, origin: Origin, quote: string): Finding {
  // Whatever it is meant to be, it must not end up in a log.
  const secret = /pas+w|pass|pw|secret|auth|token/i.test(key) || value?.includes("@");
  const shown = secret && value !== undefined ? "***" : value;
  const finding = (reason: string, write: string | undefined): Finding => ({
    severity: "warning",
    key,
    value: shown,
    reason,
    write,
    origin,
  });
  const line = (name: string, text: string): string =>
    `${name} = ${/^(true|false|[0-9]+)$/.test(text) ? text : quote + text + quote}`;
  const mistake = mistakeFor(key, value ?? "");
  if (mistake) {
    return finding(mistake.reason, mistake.write.map(([name, text]) => line(name, text)).join("\n") || undefined);
  }
  if (NAMES.has(key)) return finding("has a meaning only on the command line and is ignored here", undefined);
  const close = nearest(key.replace(/^--?/, "").replaceAll("_", "-"), [...NAMES.keys()]);
  return finding(
    "unknown option, ignored",
    close === undefined ? undefined : shown === undefined ? close : line(close, shown),
  );
}

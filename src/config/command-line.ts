/**
 * The command line, GNU style: `--key=value`, `--key value`, `-L 6`, `-L6`, `-fE`; options for several values are repeated.
 * Only options exist, no other arguments.
 */
import type { Finding, Origin } from "./finding.ts";
import { mistakeFor } from "./mistakes.ts";
import { LETTERS, NAMES, type OptionName, optionNamed } from "./options.ts";
import { nearest } from "./values.ts";

/** One value somebody wrote for an option, before it is understood. */
export interface Given {
  readonly name: OptionName;
  /** As written: a name, an alias. */
  readonly key: string;
  readonly texts: readonly string[];
  readonly origin: Origin;
}

export interface CommandLine {
  readonly given: readonly Given[];
  readonly findings: readonly Finding[];
}

const ORIGIN: Origin = { source: "command line" };

export function parseCommandLine(argv: readonly string[]): CommandLine {
  const given: Given[] = [];
  const findings: Finding[] = [];
  const error = (key: string | undefined, value: string | undefined, reason: string, write?: string) =>
    findings.push({ severity: "error", key, value, reason, write, origin: ORIGIN });

  const take = (key: string, name: OptionName, value: string | undefined, next: () => string | undefined) => {
    const option = optionNamed(name);
    let text = value;
    if (text === undefined) {
      text = option.type.placeholder === undefined ? "true" : next();
      if (text === undefined) {
        error(key, undefined, `needs a value: ${option.type.form}`, `--${name}=${option.type.placeholder}`);
        return;
      }
    }
    const texts = option.type.multiple && text.includes(";") ? text.split(";").filter((each) => each !== "") : [text];
    if (texts.length > 1) {
      findings.push({
        severity: "warning",
        key,
        value: text,
        reason: "lists with ; belong into rtpengine.conf; on the command line the option is repeated",
        write: texts.map((each) => `--${name}=${each}`).join(" "),
        origin: ORIGIN,
      });
    }
    given.push({ name, key, texts, origin: ORIGIN });
  };

  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    /** The following argument as this option's value; an option there means that the value was forgotten. */
    const next = () => {
      const value = argv[i + 1];
      const follows = /^--([^=]+)/.exec(value ?? "");
      if (value === undefined || (follows && NAMES.has(follows[1]!))) return undefined;
      i++;
      return value;
    };
    if (argument === "--" && i === argv.length - 1) break;
    const long = /^--([^=]*)(?:=(.*))?$/s.exec(argument);
    if (long) {
      const key = long[1]!;
      const found = NAMES.get(key);
      if (found) take(key, found.name, long[2], next);
      else unknownOption(key, long[2], error);
      continue;
    }
    if (argument.startsWith("-") && argument.length > 1) {
      for (let at = 1; at < argument.length; at++) {
        const letter = argument[at]!;
        const name = LETTERS.get(letter);
        if (name === undefined) {
          error(undefined, undefined, `unknown option -${letter}${argument.length > 2 ? ` in '${argument}'` : ""}`);
          break;
        }
        if (optionNamed(name).type.placeholder === undefined) {
          take(name, name, undefined, next);
          continue;
        }
        const attached = argument.slice(at + 1).replace(/^=/, "");
        take(name, name, attached === "" && at + 1 === argument.length ? undefined : attached, next);
        break;
      }
      continue;
    }
    const [key] = argument.split("=");
    error(undefined, undefined, `'${argument}' is no option`, NAMES.has(key!) ? `--${argument}` : undefined);
  }
  return { given, findings };
}

function unknownOption(
  key: string,
  value: string | undefined,
  error: (key: string, value: string | undefined, reason: string, write?: string) => void,
): void {
  const mistake = mistakeFor(key, value ?? "");
  if (mistake) {
    error(key, value, mistake.reason, mistake.write.map(([name, text]) => `--${name}=${text}`).join(" ") || undefined);
    return;
  }
  const close = nearest(key.replaceAll("_", "-"), [...NAMES.keys()]);
  error(
    key,
    value,
    "unknown option",
    close === undefined ? undefined : `--${close}${value === undefined ? "" : `=${value}`}`,
  );
}

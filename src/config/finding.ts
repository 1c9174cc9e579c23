/** What the reading of a configuration has to say about it. All findings are collected; none stops the reading of the rest. */

/** Where a value came from. */
export type Origin =
  | { readonly source: "command line" }
  | {
      readonly source: "file";
      readonly file: string /** From 1; undefined where it is not known. */;
      readonly line: number | undefined;
    }
  | { readonly source: "environment"; readonly variable: string }
  | { readonly source: "default" };

export interface Finding {
  /** `error` stops the start; `warning` is probably not what was meant; `note` is good to know. */
  readonly severity: "error" | "warning" | "note";
  /** The option as it was written; undefined when it is about the whole. */
  readonly key: string | undefined;
  readonly value: string | undefined;
  readonly reason: string;
  /** What to write instead, complete and ready to copy; several lines are several options. */
  readonly write: string | undefined;
  readonly origin: Origin | undefined;
}

/** `FILE:LINE: key = value: reason` and, where there is one, a second line with the right form. */
export function formatFinding(finding: Finding): string {
  const { key, value, reason, write, origin } = finding;
  const where = origin === undefined ? "" : `${formatOrigin(origin)}: `;
  const option = origin?.source === "command line";
  const given =
    key === undefined
      ? ""
      : `${option ? "--" : ""}${key}${value === undefined ? "" : option ? `=${value}` : ` = ${value}`}: `;
  const first = printable(`${where}${given}${reason}`);
  if (write === undefined) return first;
  return [first, ...write.split("\n").map((line, i) => `    ${i === 0 ? "write:" : "      "} ${printable(line)}`)].join(
    "\n",
  );
}

/** The same on one line and as a byte string: for the log. */
export function findingLogLine(finding: Finding): string {
  const text = formatFinding(finding)
    .replace(/\n {4}write: /, "; write: ")
    .replace(/\n +/g, "; ");
  return Buffer.from(text, "utf8").toString("latin1");
}

export function formatOrigin(origin: Origin): string {
  switch (origin.source) {
    case "file":
      return origin.line === undefined ? origin.file : `${origin.file}:${origin.line}`;
    case "environment":
      return `environment variable ${origin.variable}`;
    default:
      return origin.source;
  }
}

/** Values come from files of any content: a terminal must not be steered by them, and a message stays readable. */
function printable(text: string): string {
  const clean = text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return clean.length > 600 ? `${clean.slice(0, 600)}...` : clean;
}

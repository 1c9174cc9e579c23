/** What the `SDES` options of a controller mean for `a=crypto` lists. */
import { SUITES } from "./crypto.ts";
import type { CryptoLine } from "./model.ts";

/** The options, sorted out of their words. Suite names as in SDP. */
export interface SdesPolicy {
  /** Do not offer SDES. */
  readonly off: boolean;
  /** Empty = any suite. */
  readonly only: ReadonlySet<string>;
  readonly exclude: ReadonlySet<string>;
  /** Add no suites of our own. */
  readonly noNew: boolean;
  /** For outgoing offers. */
  readonly order: readonly string[];
  /** For the answer to the offerer. */
  readonly offererPreference: readonly string[];
  readonly pad: boolean;
  readonly lifetime: boolean;
  /** Keep the negotiated suite in answers to re-invites. */
  readonly keepNegotiated: boolean;
  /** Choose SDES where a peer offers DTLS too. */
  readonly preferSdes: boolean;
  /** Session parameters for lines of our own, as printed. */
  readonly sessionParameters: readonly string[];
  /** Session parameters nobody may use. */
  readonly rejectedParameters: ReadonlySet<string>;
  /** Words that are no option: worth a warning each. */
  readonly unknown: readonly string[];
}

/** Sorts out option words (`off`, `only-…`, `no-…`, `order:…;…`, `pad`, …) in their order; later ones add to earlier. */
export function sdesPolicy(words: readonly string[]): SdesPolicy {
  const only = new Set<string>();
  const exclude = new Set<string>();
  const rejectedParameters = new Set<string>();
  const sessionParameters: string[] = [];
  const unknown: string[] = [];
  let order: string[] = [];
  let offererPreference: string[] = [];
  const flags = { off: false, noNew: false, pad: false, lifetime: false, keepNegotiated: false, preferSdes: false };
  for (const word of words) {
    switch (word) {
      case "no":
      case "off":
      case "disable":
      case "disabled":
        flags.off = true;
        continue;
      case "nonew":
        flags.noNew = true;
        continue;
      case "pad":
        flags.pad = true;
        continue;
      case "lifetime":
        flags.lifetime = true;
        continue;
      case "static":
        flags.keepNegotiated = true;
        continue;
      case "prefer":
      case "priority":
        flags.preferSdes = true;
        continue;
    }
    const parameter = word.toUpperCase();
    if (PARAMETERS.has(parameter)) sessionParameters.push(parameter);
    else if (PARAMETERS.has(`UN${parameter}`)) rejectedParameters.add(`UN${parameter}`);
    else if (word.startsWith("only-")) only.add(word.slice(5));
    else if (word.startsWith("no-")) exclude.add(word.slice(3));
    else if (word.startsWith("order:")) order = suiteNames(word.slice(6));
    else if (word.startsWith("offerer_pref:")) offererPreference = suiteNames(word.slice(13));
    else unknown.push(word);
  }
  return { ...flags, only, exclude, order, offererPreference, sessionParameters, rejectedParameters, unknown };
}

const PARAMETERS: ReadonlySet<string> = new Set(["UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"]);

function suiteNames(list: string): string[] {
  return list.split(";").filter((name) => name !== "");
}

/** Whether a suite may be used. */
export function allowsSuite({ only, exclude }: SdesPolicy, suite: string): boolean {
  return (only.size === 0 || only.has(suite)) && !exclude.has(suite);
}

/** Lines whose suite and session parameters are allowed, in their order. */
export function allowedLines(lines: readonly CryptoLine[], policy: SdesPolicy): readonly CryptoLine[] {
  const allowed = lines.filter(
    ({ suite, params }) =>
      allowsSuite(policy, suite) &&
      (policy.rejectedParameters.size === 0 ||
        !params.split(" ").some((word) => policy.rejectedParameters.has(word.toUpperCase()))),
  );
  return allowed.length === lines.length ? lines : allowed;
}

/** Lines with the named suites first, in the order of the names; the rest follows in its own order. Tags stay. */
export function orderedLines(lines: readonly CryptoLine[], order: readonly string[]): readonly CryptoLine[] {
  if (order.length === 0) return lines;
  const first: CryptoLine[] = [];
  for (const name of order) {
    for (const line of lines) if (line.suite === name && !first.includes(line)) first.push(line);
  }
  return [...first, ...lines.filter((line) => !first.includes(line))];
}

/** Suites to add with keys of our own, in order of preference: allowed, and not in the lines yet. None with `nonew`. */
export function missingSuites(lines: readonly CryptoLine[], policy: SdesPolicy): readonly string[] {
  if (policy.noNew) return [];
  const missing: string[] = [];
  for (const { name } of SUITES) {
    if (allowsSuite(policy, name) && !lines.some(({ suite }) => suite === name)) missing.push(name);
  }
  return missing;
}

/** The tag after the highest in use; 1 for an empty list. */
export function nextTag(lines: readonly CryptoLine[]): number {
  let highest = 0;
  for (const { tag } of lines) if (tag > highest) highest = tag;
  return highest + 1;
}

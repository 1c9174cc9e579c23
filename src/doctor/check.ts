/** One question about the host and its answer. */
import type { Settings } from "../config/settings.ts";
import type { System } from "./system.ts";

/**
 * `ok`: looked at and fine. `warn`: works, but may bite. `fail`: calls will go wrong. `unknown`: could not be told, and the
 * finding says because of what.
 */
export type CheckState = "ok" | "warn" | "fail" | "unknown";

export interface CheckResult {
  readonly state: CheckState;
  /** A sentence. */
  readonly finding: string;
  /** What to do; empty where there is nothing to do. */
  readonly fix: string;
}

export interface CheckSubject {
  readonly settings: Settings;
  readonly system: System;
}

export interface Check {
  /** Stable name for programs. */
  readonly id: string;
  readonly title: string;
  run(subject: CheckSubject): CheckResult | Promise<CheckResult>;
}

export interface CheckAnswer extends CheckResult {
  readonly id: string;
  readonly title: string;
}

export const ok = (finding: string): CheckResult => ({ state: "ok", finding, fix: "" });
export const warn = (finding: string, fix: string): CheckResult => ({ state: "warn", finding, fix });
export const fail = (finding: string, fix: string): CheckResult => ({ state: "fail", finding, fix });
/** @param because completes "could not tell because …" */
export const unknown = (because: string, fix = ""): CheckResult => ({
  state: "unknown",
  finding: `could not tell because ${because}`,
  fix,
});

const GRAVITY: readonly CheckState[] = ["ok", "unknown", "warn", "fail"];

/** Several results as one: the gravest state, its findings first; those that are fine stay out beside others. */
export function combine(results: readonly CheckResult[]): CheckResult {
  const gravest = GRAVITY.findLast((state) => results.some((result) => result.state === state)) ?? "ok";
  const shown = GRAVITY.toReversed()
    .filter((state) => gravest === "ok" || state !== "ok")
    .flatMap((state) => results.filter((result) => result.state === state));
  return {
    state: gravest,
    finding: [...new Set(shown.map(({ finding }) => finding))].join("; "),
    fix: [...new Set(shown.map(({ fix }) => fix).filter((fix) => fix !== ""))].join("; "),
  };
}

/** Asks all of them. A check that breaks is an answer too: could not tell, and why. */
export async function runChecks(checks: readonly Check[], subject: CheckSubject): Promise<CheckAnswer[]> {
  const answers: CheckAnswer[] = [];
  for (const { id, title, run } of checks) {
    let result: CheckResult;
    try {
      result = await run(subject);
    } catch (error) {
      result = unknown(`the check itself failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    answers.push({ id, title, ...result });
  }
  return answers;
}

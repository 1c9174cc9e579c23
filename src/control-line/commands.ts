/** All commands, in the order in which `usage` shows them. */
import { CALL, DEBUG, TERMINATE } from "./calls.ts";
import { DRAIN } from "./drain.ts";
import { LIST_LOG_LEVELS } from "./log-levels.ts";
import type { Operator } from "./operator.ts";
import { KEYSPACES, OWNERSHIP } from "./ownership.ts";
import { PARAMS } from "./params.ts";
import { LIST_SESSIONS } from "./sessions.ts";
import { LIST_LATER, LIST_LIMITS, SET } from "./set.ts";
import { LIST_STATISTICS } from "./statistics.ts";
import { execute, executeAsData, type Json, usageText, type Word } from "./tree.ts";

const [NUM_SESSIONS, TOTALS, COUNTERS, INTERFACES, JSON_STATS, TRANSCODERS] = LIST_STATISTICS as readonly [
  Word<Operator>,
  Word<Operator>,
  Word<Operator>,
  Word<Operator>,
  Word<Operator>,
  Word<Operator>,
];

const LIST: readonly Word<Operator>[] = [
  NUM_SESSIONS,
  LIST_SESSIONS,
  TOTALS,
  COUNTERS,
  ...LIST_LIMITS,
  ...LIST_LOG_LEVELS,
  ...LIST_LATER,
  INTERFACES,
  JSON_STATS,
  TRANSCODERS,
];

const AS_DATA: Word<Operator> = {
  word: "json",
  params: "<command>",
  help: "the answer of another command as JSON",
  needsArgument: true,
  run: (operator, argument) => `${JSON.stringify(executeAsData(COMMANDS, operator, argument))}\n`,
};

export const COMMANDS: readonly Word<Operator>[] = [
  { word: "usage", help: "all commands", run: () => usageText(COMMANDS) },
  { word: "list", params: "<option>", help: "show something", below: LIST },
  { word: "get", params: "<option>", help: "the same", below: LIST },
  TERMINATE,
  { word: "set", params: "<option> <value>", help: "change a setting until the restart", below: SET },
  { word: "params", params: "start | current | diff | revert", help: "the configuration", below: PARAMS },
  ...KEYSPACES,
  ...OWNERSHIP,
  DEBUG,
  CALL,
  ...DRAIN,
  AS_DATA,
];

/** Carries out one line, a byte string without its end. Never throws for anything the line says. */
export function runLine(operator: Operator, line: string): string {
  return execute(COMMANDS, operator, line);
}

/** The same, as data. */
export function runLineAsData(operator: Operator, line: string): Json {
  return executeAsData(COMMANDS, operator, line);
}

/**
 * The grammar of the command line: a tree of words separated by exactly one space; what follows the last command word is its
 * argument, spaces included. Text is byte strings.
 */

/** What a command can answer as data instead of text. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** One word. It has commands below it, or it runs. */
export interface Word<Scope> {
  readonly word: string;
  /** What may follow, for `help`. */
  readonly params?: string;
  readonly help?: string;
  /** The answer, line ends included. `argument` is empty when nothing follows. */
  readonly run?: (scope: Scope, argument: string) => string;
  /** The answer as data; undefined: it has none, its text is all. */
  readonly data?: (scope: Scope, argument: string) => Json | undefined;
  readonly below?: readonly Word<Scope>[];
  /** Shown below it in `usage`, parsed by the word itself. */
  readonly shown?: readonly Pick<Word<never>, "word" | "params" | "help">[];
  /** `run` needs an argument. */
  readonly needsArgument?: true;
}

export const MORE_PARAMETERS = "More parameters required.\n";

/** Column at which the help text starts. */
const HELP_COLUMN = 50;

type Found<Scope> =
  | { readonly word: Word<Scope>; readonly argument: string }
  /** The line ends, or goes wrong, before a word that runs. */
  | { readonly answer: string };

/** The word that a line means, and its argument. */
export function find<Scope>(words: readonly Word<Scope>[], line: string): Found<Scope> {
  let level = words;
  let rest = line;
  for (;;) {
    const space = rest.indexOf(" ");
    const name = space < 0 ? rest : rest.slice(0, space);
    const after = space < 0 ? "" : rest.slice(space + 1);
    if (name === "help" && !level.some(({ word }) => word === "help")) return { answer: helpText(level) };
    const word = level.find((each) => each.word === name);
    if (!word) return { answer: `Unknown command: ${name}\n` };
    if (word.below) {
      if (after === "") return { answer: MORE_PARAMETERS };
      level = word.below;
      rest = after;
      continue;
    }
    if (word.needsArgument && after === "") return { answer: MORE_PARAMETERS };
    return { word, argument: after };
  }
}

/** Carries out one line. An empty one is incomplete. */
export function execute<Scope>(words: readonly Word<Scope>[], scope: Scope, line: string): string {
  if (line === "") return "Incomplete command: \n";
  const found = find(words, line);
  return "answer" in found ? found.answer : (found.word.run?.(scope, found.argument) ?? MORE_PARAMETERS);
}

/** The same as data: what the command has, else its text under `output`, or under `error` where there was no command. */
export function executeAsData<Scope>(words: readonly Word<Scope>[], scope: Scope, line: string): Json {
  if (line === "") return { error: "Incomplete command" };
  const found = find(words, line);
  if ("answer" in found) return { error: found.answer.trim() };
  const { word, argument } = found;
  return word.data?.(scope, argument) ?? { output: (word.run?.(scope, argument) ?? MORE_PARAMETERS).trim() };
}

type Shown = Pick<Word<never>, "word" | "params" | "help">;

function helpText(level: readonly Shown[]): string {
  return `Available sub-commands at this level:\n${level.map((each) => helpLine("\t", each)).join("")}`;
}

/** The whole tree, indented by level. */
export function usageText<Scope>(words: readonly Word<Scope>[]): string {
  const lines = (
    level: readonly (Shown & { below?: readonly Shown[]; shown?: readonly Shown[] })[],
    depth: number,
  ): string =>
    level
      .map((each) => helpLine("    ".repeat(depth), each) + lines(each.below ?? each.shown ?? [], depth + 1))
      .join("");
  return `    Supported commands are:\n\n${words.map((each) => `${lines([each], 1)}\n`).join("")}`;
}

function helpLine(indent: string, { word, params, help }: Shown): string {
  const text = `${indent}${word}${params === undefined ? "" : ` ${params}`}`;
  return help === undefined ? `${text}\n` : `${text.padEnd(HELP_COLUMN)}: ${help}\n`;
}

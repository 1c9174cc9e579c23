/** `params start | current | diff | revert`. */
import { logLevelDifferences, revertLogLevels } from "./log-levels.ts";
import { type ConfigurationLine, type Operator, PARAMETER_NAMES } from "./operator.ts";
import { differences } from "./parameters.ts";
import type { Word } from "./tree.ts";

const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join("");

const configurationText = (all: readonly ConfigurationLine[]) =>
  lines(all.map(({ name, value, bracketed }) => (bracketed ? `[${name} = ${value}]` : `${name} = ${value}`)));

const configurationData = (all: readonly ConfigurationLine[]) =>
  Object.fromEntries(all.map(({ name, value }) => [name, value]));

export const PARAMS: readonly Word<Operator>[] = [
  {
    word: "start",
    help: "the configuration as it was at start",
    run: (operator) => configurationText(operator.configuration(false)),
    data: (operator) => configurationData(operator.configuration(false)),
  },
  {
    word: "current",
    help: "the configuration in force",
    run: (operator) => configurationText(operator.configuration(true)),
    data: (operator) => configurationData(operator.configuration(true)),
  },
  {
    word: "diff",
    help: "what was changed since the start",
    run: (operator) => lines([...logLevelDifferences(operator), ...differences(operator)]),
  },
  {
    word: "revert",
    help: "undo what was changed since the start",
    run(operator) {
      revertLogLevels(operator);
      for (const name of PARAMETER_NAMES) {
        const initial = operator.initialParameter(name);
        if (operator.parameter(name) !== initial) operator.setParameter(name, initial);
      }
      return "";
    },
  },
];

/** `drain` and `undrain`: taking this node out of service without losing a call. */
import type { Operator } from "./operator.ts";
import type { Word } from "./tree.ts";

const running = (operator: Operator): number => {
  let count = 0;
  for (const _ of operator.calls()) count += 1;
  return count;
};

export const DRAIN: readonly Word<Operator>[] = [
  {
    word: "drain",
    help: "refuse new calls, let running ones go on",
    run(operator) {
      operator.drain(true);
      return `Draining: new calls are refused, ${running(operator)} running.\n`;
    },
    data(operator) {
      operator.drain(true);
      return { draining: true, calls: running(operator) };
    },
  },
  {
    word: "undrain",
    help: "take new calls again",
    run(operator) {
      operator.drain(false);
      if (operator.draining) return `The daemon is ending: new calls stay refused, ${running(operator)} running.\n`;
      return `Taking new calls, ${running(operator)} running.\n`;
    },
    data(operator) {
      operator.drain(false);
      return { draining: operator.draining, calls: running(operator) };
    },
  },
];

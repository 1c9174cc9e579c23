/**
 * The call core: sequences of requests, sensible and not, on a counting port source that runs dry at times. Whatever comes,
 * `transition` does not throw, no socket leaks, sections keep their places, replies parse and a refused request changes
 * nothing; see `checkState` of the sequences.
 */
import { play, type SectionStep, type Step } from "../unit/call/sequence.ts";
import type { FuzzTarget } from "./target.ts";

type Random = () => number;

const MAX_STEPS = 24;
const MAX_SECTION_STEPS = 4;
const PORTS = [4000, 4002, 4010, 0, 9, 65_535];

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function section(random: Random): SectionStep {
  return {
    type: below(random, 7),
    port: PORTS[below(random, PORTS.length)]!,
    direction: below(random, 5),
    mux: random() < 0.3,
    mid: below(random, 5) - 1,
    formats: below(random, 5),
    web: random() < 0.5 ? 0 : below(random, 0x1000),
  };
}

function step(random: Random): Step {
  return {
    kind: below(random, 10),
    call: below(random, 3),
    from: below(random, 3),
    to: below(random, 4) - 1,
    branch: below(random, 4) - 1,
    sections: Array.from({ length: below(random, MAX_SECTION_STEPS + 1) }, () => section(random)),
    zero: random() < 0.1,
    six: random() < 0.2,
    options: random() < 0.5 ? 0 : below(random, 0x200000),
    web: random() < 0.5 ? 0 : below(random, 0x40000000),
    delay: below(random, 9),
    budget: random() < 0.8 ? 200 : below(random, 20),
  };
}

export const target: FuzzTarget = {
  name: "call",
  run(cases, random) {
    const failures: string[] = [];
    for (let i = 0; i < cases; i++) {
      const steps = Array.from({ length: 1 + below(random, MAX_STEPS) }, () => step(random));
      try {
        play(steps);
      } catch (error) {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        failures.push(`${reason}\n${JSON.stringify(steps)}`);
      }
    }
    return { cases, failures };
  },
};

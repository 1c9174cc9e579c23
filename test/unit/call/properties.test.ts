/** What holds for any sequence of requests. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { play, type SectionStep, type Step } from "./sequence.ts";

const SEED = Number(process.env["CALL_SEED"] ?? 20260801);
const RUNS = Number(process.env["CALL_RUNS"] ?? 300);

const section: fc.Arbitrary<SectionStep> = fc.record({
  type: fc.nat(6),
  port: fc.constantFrom(4000, 4002, 4010, 0, 9, 65_535),
  direction: fc.nat(4),
  mux: fc.boolean(),
  mid: fc.integer({ min: -1, max: 3 }),
  formats: fc.nat(4),
  web: fc.oneof(fc.constant(0), fc.nat(0xfff)),
});

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.nat(9),
  call: fc.nat(3),
  from: fc.nat(3),
  to: fc.integer({ min: -1, max: 3 }),
  branch: fc.integer({ min: -1, max: 2 }),
  sections: fc.array(section, { maxLength: 4 }),
  zero: fc.boolean(),
  six: fc.boolean(),
  options: fc.nat(0x1fffff),
  web: fc.oneof(fc.constant(0), fc.nat(0x3fffffff)),
  delay: fc.nat(8),
  budget: fc.nat(200),
});

test(`no sequence leaks a socket, moves a section or is answered with a broken SDP (seed ${SEED})`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      play(steps);
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

/** Mostly sensible: one call, few parties, no starvation. */
const sensible: fc.Arbitrary<Step> = step.map((each) => ({
  ...each,
  call: 0,
  from: each.from % 2,
  to: each.to < 0 ? -1 : 1 - (each.from % 2),
  options: each.options & 0x1f0038,
  sections:
    each.sections.length === 0
      ? [{ type: 0, port: 4000, direction: 0, mux: false, mid: -1, formats: 0, web: each.web & 0xfff }]
      : each.sections,
  budget: 200,
}));

test(`re-INVITEs, holds and transfers of one call keep its books in order (seed ${SEED})`, () => {
  fc.assert(
    fc.property(fc.array(sensible, { minLength: 5, maxLength: 40 }), (steps) => {
      play(steps);
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

test(`equal sequences have equal outcomes (seed ${SEED})`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      expect(play(steps)).toEqual(play(steps));
    }),
    { seed: SEED, numRuns: Math.ceil(RUNS / 4) },
  );
});

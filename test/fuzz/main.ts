/**
 * Fuzzing: `node tools/bun.mjs run test/fuzz/main.ts [--cases N] [--seed S] [target…]`. Each target gets N cases (without it: those of a short run) from a
 * generator seeded with S, so a printed seed repeats a run. Targets that are not there yet are skipped by name.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FuzzTarget } from "./target.ts";

/** Targets, and how many cases a short run gives each: about half a minute together on two small cores. */
const SHORT_RUN: Readonly<Record<string, number>> = {
  ng: 100_000,
  sdp: 100_000,
  config: 20_000,
  call: 5_000,
  stun: 20_000,
  dtls: 5_000,
  srtp: 50_000,
};
const TARGETS = Object.keys(SHORT_RUN);
const SHOWN_FAILURES = 10;

/** Small, fast and good enough to choose test input: 32 bits of state (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function usage(problem: string): never {
  console.error(`${problem}\nusage: main.ts [--cases N] [--seed S] [${TARGETS.join("|")} …]`);
  process.exit(2);
}

function number(option: string, text: string | undefined): number {
  if (text === undefined || !/^[0-9]{1,12}$/.test(text)) usage(`${option} needs a number`);
  return Number(text);
}

let cases: number | undefined;
let seed = Date.now() % 2 ** 32;
const wanted: string[] = [];
const args = process.argv.slice(2);
while (args.length > 0) {
  const arg = args.shift()!;
  const [option, inline] = arg.split("=", 2);
  if (option === "--cases") cases = number(option, inline ?? args.shift());
  else if (option === "--seed") seed = number(option, inline ?? args.shift());
  else if (TARGETS.some((name) => name === arg)) wanted.push(arg);
  else usage(`unknown argument ${arg}`);
}

console.log(`seed ${seed}`);
let passed = 0;
let failed = 0;
for (const name of wanted.length > 0 ? wanted : TARGETS) {
  const path = join(import.meta.dir, `${name}.ts`);
  if (!existsSync(path)) {
    console.log(`${name}: no such target here, skipped`);
    if (wanted.includes(name)) failed++;
    continue;
  }
  const { target } = (await import(path)) as { target: FuzzTarget };
  const started = performance.now();
  const result = target.run(cases ?? SHORT_RUN[name]!, generator(seed));
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  passed += result.cases - result.failures.length;
  failed += result.failures.length;
  console.log(`${target.name}: ${result.cases} cases, ${result.failures.length} failures, ${seconds} s`);
  for (const failure of result.failures.slice(0, SHOWN_FAILURES)) console.log(`  ${failure}`);
  if (result.failures.length > SHOWN_FAILURES) console.log(`  … ${result.failures.length - SHOWN_FAILURES} more`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/**
 * `npm test`: everything that says whether this tree is good. `--only PART` (several times) runs some parts; the last line is
 * the verdict. `E2E_DAEMON=rtpengine npm test -- --only e2e` plays the end-to-end scenarios with Debian's rtpengine instead.
 */
import { spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { installPackages } from "./debian.ts";

const root = join(import.meta.dir, "..");
process.chdir(root);
const bun = process.execPath;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Part {
  readonly name: string;
  run(): Promise<Counts>;
}

/** The verdict on a tree must not change from run to run: new seeds are tried by hand (`npm run fuzz`), which draws its own. */
const SEED = "20261121";

/** What was not run, and why. */
const skips: string[] = [];

/** Runs a command; its output is shown as it comes and returned. */
async function stream(command: readonly string[], env: Record<string, string> = {}) {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    process.stdout.write(chunk);
    output += chunk.toString("latin1");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    process.stderr.write(chunk);
    output += chunk.toString("latin1");
  });
  const status = await new Promise<number | string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  return { output, status };
}

/** A part that either works or not: one test. */
async function step(command: readonly string[]): Promise<Counts> {
  const { status } = await stream(command);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

/** `bun test`: the counts of its summary. A run that ends badly without naming a failed test is one failure. */
async function bunTests(prefix: readonly string[], paths: readonly string[], env: Record<string, string> = {}) {
  const { output, status } = await stream([...prefix, bun, "test", ...paths], env);
  const plain = output.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g"), "");
  const summed = (word: string) =>
    Number([...plain.matchAll(new RegExp(`^ *(\\d+) ${word}s?$`, "gm"))].at(-1)?.[1] ?? 0);
  const counts = {
    passed: summed("pass"),
    failed: summed("fail"),
    skipped: summed("skip") + summed("todo"),
  };
  for (const [, what] of plain.matchAll(/^# SKIP (.*)$/gm)) skips.push(what!);
  if (status !== 0 && counts.failed === 0) {
    console.log(`bun test ${paths.join(" ")} ended with status ${status}`);
    counts.failed = 1;
  }
  if (status === 0 && counts.passed === 0 && counts.skipped === 0) {
    console.log(`bun test ${paths.join(" ")} ran no test`);
    counts.failed = 1;
  }
  return counts;
}

/** A network namespace of our own around the end-to-end tests: any port is free, and nothing can leave the machine. */
function namespace(): { prefix: string[]; env: Record<string, string> } {
  const enter = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const probe = spawnSync(enter[0]!, [...enter.slice(1), "true"], { encoding: "utf8" });
  if (probe.status === 0) return { prefix: enter, env: { E2E_NETNS: "1" } };
  const reason = probe.error?.message ?? probe.stderr.trim();
  console.log(`no network namespace of our own (${reason}): the tests share the host's loopback addresses`);
  return { prefix: [], env: {} };
}

const parts: readonly Part[] = [
  {
    name: "packages",
    async run() {
      const reason = installPackages();
      if (reason !== undefined) skips.push(`tests that need Debian packages: ${reason}`);
      return { passed: 0, failed: 0, skipped: 0 };
    },
  },
  {
    name: "build",
    async run() {
      rmSync(join(root, "dist/sluice"), { force: true }); // never test yesterday's
      return await step([bun, "run", "tools/build.ts"]);
    },
  },
  { name: "lint", run: () => step(["node_modules/.bin/biome", "check", "--error-on-warnings", "."]) },
  { name: "types", run: () => step(["node_modules/.bin/tsc"]) },
  { name: "unit", run: () => bunTests([], ["./test/unit", "./test/contract", "./test/golden"], { CALL_SEED: SEED }) },
  { name: "fuzz", run: () => step([bun, "run", "test/fuzz/main.ts", "--seed", SEED]) },
  {
    name: "e2e",
    async run() {
      const { prefix, env } = namespace();
      return await bunTests(prefix, ["./test/e2e"], env);
    },
  },
  {
    name: "net",
    async run() {
      const { prefix, env } = namespace();
      return await bunTests(prefix, ["./test/net"], env);
    },
  },
  // Short forms of the heavy checks: that they work and find nothing, not figures.
  { name: "soak", run: () => step([bun, "run", "test/soak/main.ts", "--minutes", "1"]) },
  {
    name: "bench",
    async run() {
      const short = ["--quick", "--rounds", "1", "--seconds", "1", "--patience", "1"];
      const relay = await step([bun, "run", "bench/main.ts", "relay", ...short, "--parts", "cpu", "--calls", "250"]);
      const ng = await step([bun, "run", "bench/main.ts", "ng", ...short]);
      return { passed: relay.passed + ng.passed, failed: relay.failed + ng.failed, skipped: 0 };
    },
  },
];

const names = parts.map(({ name }) => name);
const wanted: string[] = [];
for (let args = process.argv.slice(2); args.length; args = args.slice(args[0]!.includes("=") ? 1 : 2)) {
  const [option, value] = args[0]!.includes("=") ? args[0]!.split("=") : args;
  if (option !== "--only" || value === undefined || !names.includes(value)) {
    console.error(`usage: npm test [-- --only PART]…, PART one of ${names.join(", ")}`);
    process.exit(2);
  }
  wanted.push(value);
}

const lines: string[] = [];
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const part of parts) {
  if (wanted.length && !wanted.includes(part.name)) continue;
  console.log(`\n=== ${part.name}`);
  const start = performance.now();
  let counts: Counts;
  try {
    counts = await part.run();
  } catch (error) {
    console.log(`${part.name} broke off: ${String(error)}`);
    counts = { passed: 0, failed: 1, skipped: 0 };
  }
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  const skipped = counts.skipped ? `, ${counts.skipped} skipped` : "";
  lines.push(`${part.name.padEnd(8)} ${counts.passed} passed, ${counts.failed} failed${skipped} (${seconds} s)`);
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}

console.log(`\n=== summary\n${lines.join("\n")}`);
for (const skip of skips) console.log(`skipped: ${skip}`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ""}`);
process.exit(total.failed ? 1 : 0);

/** `npm run bench -- <name> [options]`: repeatable measurements with the C daemon beside ours in the same run. */
import { writeFileSync } from "node:fs";
import { Field } from "./field.ts";
import { machineFacts } from "./machine.ts";
import { ngBenchmark } from "./ng.ts";
import { parseOptions, USAGE } from "./options.ts";
import { relayBenchmark } from "./relay.ts";
import { srtpBenchmark } from "./srtp.ts";

const BENCHMARKS = { relay: relayBenchmark, ng: ngBenchmark, srtp: srtpBenchmark };

const [name, ...rest] = process.argv.slice(2);
const benchmark = BENCHMARKS[name as keyof typeof BENCHMARKS];
if (!benchmark) {
  console.error(USAGE);
  process.exit(2);
}
let field: Field | undefined;
let status = 0;
try {
  const options = parseOptions(rest);
  field = await Field.open(options);
  const machine = machineFacts(field.programs);
  console.log(
    `${machine.cpu}, ${machine.cpus} CPUs${machine.virtual ? " (virtual)" : ""}, Linux ${machine.kernel}; ` +
      `load ${machine.loadAverage[0]!.toFixed(2)}; over ${options.net}`,
  );
  const started = Date.now();
  const summary = await benchmark(field);
  console.log(`\ntook ${Math.round((Date.now() - started) / 1000)} s`);
  if (options.json) {
    const report = {
      benchmark: name,
      machine,
      options,
      commands: Object.fromEntries(field.commands),
      summary,
      relayRuns: field.relayRuns,
      ngRuns: field.ngRuns,
    };
    writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
    console.log(`wrote ${options.json}`);
  }
} catch (error) {
  // After Ctrl-C the signal's own exit follows.
  if (!field?.lifetime.over) console.error(error instanceof Error ? error.message : error);
  status = field?.lifetime.over ? 130 : 1;
} finally {
  await field?.lifetime.end();
}
process.exit(status);

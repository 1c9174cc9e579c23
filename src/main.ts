/**
 * The executable's entry: picks the subcommand. Without one, rtpengine's own command line is meant: `sluice --interface=eth0
 * --listen-ng=22222` runs the daemon.
 */
import { check as checkConfiguration } from "./cli/check.ts";
import { ctl } from "./cli/ctl.ts";
import { demo } from "./cli/demo.ts";
import { doctor } from "./cli/doctor.ts";
import { help, printVersion } from "./cli/help.ts";
import { probeHost } from "./cli/probes.ts";
import { run } from "./cli/run.ts";
import { top } from "./cli/top.ts";

const check = (args: readonly string[]) => checkConfiguration(args, probeHost);

const SUBCOMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  run,
  check,
  ctl,
  top,
  doctor,
  demo,
  help,
  version: printVersion,
};

async function main(argv: readonly string[]): Promise<number> {
  const [first] = argv;
  if (first === undefined || first.startsWith("-")) {
    if (first === "--help" || first === "-h") return help(argv.slice(1));
    if (argv.includes("--config-test")) return check(argv.filter((arg) => arg !== "--config-test"));
    return run(argv);
  }
  const subcommand = SUBCOMMANDS[first];
  if (subcommand) return subcommand(argv.slice(1));
  process.stderr.write(`sluice: unknown command '${first}'; commands are ${Object.keys(SUBCOMMANDS).join(", ")}\n`);
  return 2;
}

// No top-level await: the bytecode format forbids it.
main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`sluice: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);

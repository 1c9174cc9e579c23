// Runs the Bun that npm installed, also where npm was told to skip install scripts: the platform package carries the
// finished binary, only the `bun` package's own link to it needs the script.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const cpu = process.arch === "arm64" ? "aarch64" : "x64";
const require = createRequire(import.meta.url);

/** @returns {string} absolute path of the Bun executable of this platform's npm package */
export function bunPath() {
  for (const variant of ["", "-baseline", "-musl", "-musl-baseline"]) {
    try {
      const path = join(dirname(require.resolve(`@oven/bun-linux-${cpu}${variant}/package.json`)), "bin", "bun");
      if (existsSync(path) && spawnSync(path, ["--version"]).status === 0) return path;
    } catch {}
  }
  throw new Error(`no @oven/bun-linux-${cpu} package that runs here: run "npm ci" first`);
}

const run = spawnSync(bunPath(), process.argv.slice(2), { stdio: "inherit" });
process.exit(run.status ?? 1);

// Runs the Bun that npm installed. Where npm ran the package's install script, the binary has been moved into the `bun`
// package; where it was told to skip scripts, it still lies in the platform package, complete.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const cpu = process.arch === "arm64" ? "aarch64" : "x64";
const require = createRequire(import.meta.url);

/** @returns {string} absolute path of the Bun executable */
export function bunPath() {
  const places = [["bun", "bun.exe"], ...["", "-baseline"].map((kind) => [`@oven/bun-linux-${cpu}${kind}`, "bun"])];
  for (const [pkg, file] of places) {
    try {
      const path = join(dirname(require.resolve(`${pkg}/package.json`)), "bin", file);
      if (spawnSync(path, ["--version"]).status === 0) return path;
    } catch {}
  }
  throw new Error(`no Bun for linux-${cpu} under node_modules: run "npm ci" first`);
}

const run = spawnSync(bunPath(), process.argv.slice(2), { stdio: "inherit" });
process.exit(run.status ?? 1);

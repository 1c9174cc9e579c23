// Builds dist/sluice: one executable, bytecode inside, minified, blind to .env and bunfig.toml at run time.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const out = join(root, "dist", "sluice");

/** The commit that is being built, or "unknown" outside a git checkout; `-dirty` when the work tree differs. */
function commit(): string {
  const git = (...args: string[]) => spawnSync("git", ["-C", root, ...args], { encoding: "utf8" });
  const head = git("rev-parse", "--short=12", "HEAD");
  if (head.status !== 0) return "unknown";
  return head.stdout.trim() + (git("status", "--porcelain", "--untracked-files=no").stdout.trim() ? "-dirty" : "");
}

mkdirSync(join(root, "dist"), { recursive: true });
const { version } = await Bun.file(join(root, "package.json")).json();
const built = spawnSync(
  process.execPath,
  [
    "build",
    "--compile",
    "--bytecode",
    "--minify",
    "--sourcemap=none",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    "--define",
    `SLUICE_VERSION=${JSON.stringify(version)}`,
    "--define",
    `SLUICE_COMMIT=${JSON.stringify(commit())}`,
    // Threads are found inside the executable by their path from here: see ffi/thread.ts.
    "--root",
    root,
    "--outfile",
    out,
    // Each worker is an entry point of its own: the bundler does not find them through `new Worker`.
    join(root, "src/main.ts"),
    join(root, "src/relay/worker.ts"),
    join(root, "ffi/reactor-thread.ts"),
  ],
  { stdio: ["ignore", "ignore", "inherit"] },
);
if (built.status !== 0) process.exit(built.status ?? 1);
console.log(`built ${out}`);

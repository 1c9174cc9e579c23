/**
 * Threads: where their code is, and what they tell the kernel about themselves.
 *
 * Memory: the name buffer of each thread, for the life of the process.
 */
import { libc, PR_SET_NAME, PR_SET_TIMERSLACK } from "./libc.ts";
import { type Arena, mapArena } from "./memory.ts";

/** Files that run as threads of their own; each must be an entry point in `tools/build.ts`. */
export type ThreadEntry = "ffi/reactor-thread.ts" | "src/relay/worker.ts";

/**
 * What to give to `new Worker`. Bytecode has the build machine's paths where source has `import.meta.url`, so inside the
 * executable entries are named by their place in its own file system.
 */
export function threadEntry(entry: ThreadEntry): string {
  if (Bun.isStandaloneExecutable) return `file:///$bunfs/root/${entry.replace(/\.ts$/, ".js")}`;
  return new URL(`../${entry}`, import.meta.url).href;
}

let name: Arena | undefined;

/** Names the calling thread as `top -H` and `/proc/PID/task` show it; 15 characters. */
export function nameThread(text: string): void {
  name ??= mapArena(16);
  // The binding passes 32-bit arguments; without low memory there is no name, which harms nothing.
  if (name.address > 0x7fff_ffff) return;
  const bytes = new Uint8Array(name.view(0, 16));
  bytes.fill(0);
  bytes.set(new TextEncoder().encode(text.slice(0, 15)));
  libc.prctl(PR_SET_NAME, name.address, 0, 0, 0);
}

/** Sleeps of the calling thread end on time instead of up to 50 us late (prctl(2), PR_SET_TIMERSLACK). */
export function sharpenTimers(): void {
  libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
}

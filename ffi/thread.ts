/**
 * Threads: where their code is, and what they tell the kernel about themselves.
 *
 * Memory: the name buffer of each thread, for the life of the process.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { EINVAL, errno, libc, PR_SET_NAME, PR_SET_TIMERSLACK } from "./libc.ts";
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

/** Policies of sched(7) by the names that the configuration has for them. */
export const SCHEDULING = { other: 0, fifo: 1, rr: 2, batch: 3, idle: 5 } as const;
export type Scheduling = keyof typeof SCHEDULING;

/** Bytes of a CPU mask: 8,192 CPUs. */
const MASK_BYTES = 1_024;
const PRIO_PROCESS = 0;

/** Binds the calling thread to these CPUs. Returns 0 or the errno (EINVAL: none of them is there for this process). */
export function bindThread(cpus: readonly number[]): number {
  const mask = mapArena(MASK_BYTES);
  const bytes = new Uint8Array(mask.view());
  for (const cpu of cpus) if (cpu >> 3 < MASK_BYTES) bytes[cpu >> 3]! |= 1 << (cpu & 7);
  const failed = libc.sched_setaffinity(0, MASK_BYTES, mask.address) < 0 ? errno() : 0;
  mask.release();
  return failed;
}

/**
 * Scheduling policy of the calling thread. `priority`: 1-99 for `fifo` and `rr`; for the others a niceness of -20 to 19.
 * Returns 0 or the errno (EPERM: needs CAP_SYS_NICE).
 */
export function scheduleThread(policy: Scheduling | undefined, priority: number): number {
  const realTime = policy === "fifo" || policy === "rr";
  if (policy !== undefined) {
    const parameter = mapArena(16);
    new Int32Array(parameter.view(0, 4))[0] = realTime ? priority : 0;
    const failed = libc.sched_setscheduler(0, SCHEDULING[policy], parameter.address) < 0 ? errno() : 0;
    parameter.release();
    if (failed !== 0) return failed;
  }
  if (realTime || priority === 0) return 0;
  if (priority < -20 || priority > 19) return EINVAL;
  // On Linux a niceness is the thread's own.
  return libc.setpriority(PRIO_PROCESS, 0, priority) < 0 ? errno() : 0;
}

/** The kernel's number of the calling thread. */
export function currentThread(): number {
  return Number(readlinkSync("/proc/thread-self").split("/").at(-1));
}

/**
 * Whether a thread of this process can take a signal now; undefined when there is no such thread. `Worker.terminate` waits
 * for the thread to answer one: told of a thread that cannot (in uninterruptible sleep, or stopped), it would stop its
 * caller, too.
 */
export function canBeSignalled(thread: number): boolean | undefined {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, "latin1");
    return !"DTt".includes(stat.charAt(stat.lastIndexOf(")") + 2));
  } catch {
    return undefined;
  }
}

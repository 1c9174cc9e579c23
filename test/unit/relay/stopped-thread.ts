/**
 * Run as a process of its own: stops one thread of another process where it is, as a kernel that does not let it go would,
 * until standard input ends. Says "stopped" or why not.
 */
import { dlopen } from "bun:ffi";

const { symbols } = dlopen("libc.so.6", { ptrace: { args: ["i32", "i32", "u64", "u64"], returns: "i64" } });
const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;
const thread = Number(process.argv[2]);
const done = symbols.ptrace(PTRACE_SEIZE, thread, 0, 0) === 0n && symbols.ptrace(PTRACE_INTERRUPT, thread, 0, 0) === 0n;
console.log(done ? "stopped" : `thread ${thread} cannot be traced`);
for await (const _ of Bun.stdin.stream()) {
  // Until the other side closes it.
}
process.exit(0);

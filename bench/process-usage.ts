/** What the kernel says a process has used: CPU over all its threads, memory; and what the machine did meanwhile. */
import { readdirSync, readFileSync } from "node:fs";

/** Kernel clock ticks per second as shown in /proc (USER_HZ is 100 on every Linux Bun runs on). */
const USER_HZ = 100;

export interface ProcessUsage {
  /** utime + stime, seconds, 10 ms steps, ended threads included. */
  readonly tickSeconds: number;
  /** Per living thread: time on a CPU and time runnable but waiting for one, nanoseconds (schedstat). */
  readonly threads: ReadonlyMap<string, readonly [run: number, wait: number]>;
}

export const NO_USAGE: ProcessUsage = { tickSeconds: 0, threads: new Map() };

export function processUsage(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const threads = new Map<string, readonly [number, number]>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [run, wait] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ");
      threads.set(thread, [Number(run), Number(wait)]);
    } catch {} // the thread ended between the two reads
  }
  return { tickSeconds: (Number(fields[11]) + Number(fields[12])) / USER_HZ, threads };
}

export interface UsedBetween {
  /** Seconds; what a thread used that ended meanwhile is missing (the tick figure has it). */
  readonly cpu: number;
  /** Seconds runnable without a CPU: what others on the core took away. */
  readonly wait: number;
  readonly ticks: number;
}

export function usedBetween(before: ProcessUsage, after: ProcessUsage): UsedBetween {
  let cpu = 0;
  let wait = 0;
  for (const [thread, [run, delay]] of after.threads) {
    const [runBefore, delayBefore] = before.threads.get(thread) ?? [0, 0];
    cpu += run - runBefore;
    wait += delay - delayBefore;
  }
  return { cpu: cpu / 1e9, wait: wait / 1e9, ticks: after.tickSeconds - before.tickSeconds };
}

export interface ProcessMemory {
  /** Bytes. */
  readonly resident: number;
  readonly peak: number;
  readonly threads: number;
  readonly files: number;
}

export function processMemory(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    resident: kilobytes("VmRSS") * 1024,
    peak: kilobytes("VmHWM") * 1024,
    threads: kilobytes("Threads"),
    files: readdirSync(`/proc/${pid}/fd`).length,
  };
}

export interface MachineUsage {
  /** Per CPU, seconds not idle, stolen time apart. */
  readonly busySeconds: readonly number[];
  /** Time the hypervisor gave to others, seconds, all CPUs. */
  readonly stolenSeconds: number;
}

export function machineUsage(): MachineUsage {
  const busySeconds: number[] = [];
  let stolenSeconds = 0;
  for (const line of readFileSync("/proc/stat", "latin1").split("\n")) {
    const cpu = /^cpu\d+ (.*)/.exec(line);
    if (!cpu) continue;
    const [user, nice, system, , , irq, softirq, steal] = cpu[1]!.split(" ").map(Number) as number[];
    busySeconds.push((user! + nice! + system! + irq! + softirq!) / USER_HZ);
    stolenSeconds += steal! / USER_HZ;
  }
  return { busySeconds, stolenSeconds };
}

/** Kernel memory in slabs, bytes, the whole machine: sockets and their tables live there, not in a process's RSS. */
export function slabBytes(): number {
  return Number(/^Slab:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "latin1"))?.[1] ?? 0) * 1024;
}

/** UDP datagrams the kernel dropped at full sockets in the network namespace of `pid` so far. */
export function udpReceiveDrops(pid: number): number {
  const rows = readFileSync(`/proc/${pid}/net/snmp`, "latin1")
    .split("\n")
    .filter((line) => line.startsWith("Udp:"))
    .map((line) => line.split(" "));
  return Number(rows[1]?.[rows[0]?.indexOf("RcvbufErrors") ?? -1] ?? 0);
}

/** Packets the kernel dropped before any socket or ring saw them, because a CPU's input queue was full; all CPUs. */
export function backlogDrops(): number {
  return readFileSync("/proc/net/softnet_stat", "latin1")
    .trim()
    .split("\n")
    .reduce((sum, line) => sum + Number.parseInt(line.split(/\s+/)[1] ?? "0", 16), 0);
}

/** What an operator can see and do. The command line, the HTTP API and the metrics are written against this alone. */
import type { StatisticsTree } from "../call/statistics.ts";
import type { CallSummary, CallView } from "../call/views.ts";
import type { Subsystem } from "../observe/vocabulary.ts";

/** Numbers that can be changed while running, by the word after `set`. */
export const PARAMETER_NAMES = [
  "maxsessions",
  "maxcpu",
  "maxload",
  "maxbw",
  "timeout",
  "silenttimeout",
  "offertimeout",
  "finaltimeout",
  "redisallowederrors",
  "redisdisabletime",
  "redisconnecttimeout",
  "rediscmdtimeout",
  "controltos",
  "deletedelay",
] as const;
export type ParameterName = (typeof PARAMETER_NAMES)[number];

/** A value of the configuration as `params` prints it. */
export interface ConfigurationLine {
  readonly name: string;
  readonly value: string;
  /** Printed in brackets. */
  readonly bracketed?: true;
}

/** Limit of open files: a number, no limit, or not to be had. */
export type OpenFiles = number | "infinite" | undefined;

export interface Operator {
  readonly pid: number;
  /** Unix milliseconds. */
  now(): number;

  /** Oldest first. */
  calls(): Iterable<CallSummary>;
  call(callId: string): CallView | undefined;
  /** Answered calls by address family. */
  families(): { readonly ipv4: number; readonly ipv6: number; readonly mixed: number };
  /** False: there is no such call. */
  terminate(callId: string): boolean;
  /** False: too many calls are being debugged already. */
  debugCall(callId: string, on: boolean): boolean;

  /** With the counters of the control protocol. */
  statistics(): StatisticsTree;

  parameter(name: ParameterName): number;
  /** As configured at start. */
  initialParameter(name: ParameterName): number;
  /** The value has been checked. It acts at once and is lost at restart. Returns what is in force now. */
  setParameter(name: ParameterName, value: number): number;
  logLevel(subsystem: Subsystem): number;
  initialLogLevel(subsystem: Subsystem): number;
  /** Without subsystem: all but `internals`. */
  setLogLevel(level: number, subsystem?: Subsystem): void;
  openFiles(): OpenFiles;
  /** 0, or the errno of the refusal. */
  setOpenFiles(count: number): number;
  /** Everything configured, in the order of `params`; `current`: with what was changed since. */
  configuration(current: boolean): readonly ConfigurationLine[];

  /** True: new calls are refused, running ones go on. */
  readonly draining: boolean;
  drain(on: boolean): void;
}

/** Single values: `list NAME` and `set NAME VALUE`. */
import { SET_LOG_LEVEL } from "./log-levels.ts";
import type { Operator } from "./operator.ts";
import { PARAMETERS, type Parameter, parameterNamed } from "./parameters.ts";
import type { Word } from "./tree.ts";

/** Fewer open files than this cannot be set: a relay with a few thousand calls would fail. */
export const MIN_OPEN_FILES = 65_536;

const listed = ({ name, shown }: Parameter): Word<Operator> => ({
  word: name,
  help: `value of ${name}`,
  run: (operator) => `${shown(operator.parameter(name))}\n`,
  data: (operator) => ({ [name]: operator.parameter(name) }),
});

const settable = ({ name, params, help, read, success }: Parameter): Word<Operator> => ({
  word: name,
  params,
  help,
  needsArgument: true,
  run(operator, argument) {
    const value = read(argument);
    if (typeof value !== "number") return `${value.failure}\n`;
    return `${success(operator.setParameter(name, value))}\n`;
  },
});

const MAX_OPEN_FILES: Word<Operator> = {
  word: "maxopenfiles",
  help: "limit of open files",
  run(operator) {
    const limit = operator.openFiles();
    const where = `cat /proc/${operator.pid}/limits`;
    return limit === undefined
      ? `Fail getting rtpengine configured limits; ${where}\n`
      : `Maximum open-files configured on rtpengine: ${limit}; ${where}\n`;
  },
  data: (operator) => ({ maxopenfiles: operator.openFiles() ?? null }),
};

const SET_MAX_OPEN_FILES: Word<Operator> = {
  word: "maxopenfiles",
  params: "<uint>",
  help: "limit of open files",
  needsArgument: true,
  run(operator, argument) {
    const fail = (why: string) => `Fail setting open_files to ${argument}; ${why}\n`;
    const digits = /^\s*\+?([0-9]+)/.exec(argument)?.[1];
    if (digits === undefined) return fail("no digits found");
    const count = Number(digits);
    if (!Number.isSafeInteger(count)) return fail("errno=34");
    if (count < MIN_OPEN_FILES) return fail(`can't set it under ${MIN_OPEN_FILES}`);
    const errno = operator.setOpenFiles(count);
    if (errno !== 0) return fail(`errno=${errno}`);
    return `Success setting open_files to ${count}; cat /proc/${operator.pid}/limits\n`;
  },
};

const SET_REDIS_DISABLE: Word<Operator> = {
  word: "redisdisable",
  params: "0|1",
  help: "stop or resume writing to Redis",
  needsArgument: true,
  run(_operator, argument) {
    if (argument === "1") return "No redis write to disable\n";
    if (argument === "0") return "No redis write to re-enable\n";
    return `Invalid redis-disable value ${argument}, must be >= 0\n`;
  },
};

const rows = (names: readonly Parameter["name"][], make: (parameter: Parameter) => Word<Operator>) =>
  names.map((name) => make(parameterNamed(name)));

const LIMITS = ["maxsessions", "maxcpu", "maxload", "maxbw"] as const;
const TIMEOUTS = ["timeout", "silenttimeout", "offertimeout", "finaltimeout"] as const;

export const LIST_LIMITS: readonly Word<Operator>[] = [MAX_OPEN_FILES, ...rows([...LIMITS, ...TIMEOUTS], listed)];
export const LIST_LATER: readonly Word<Operator>[] = rows(
  ["redisallowederrors", "redisdisabletime", "redisconnecttimeout", "rediscmdtimeout", "controltos", "deletedelay"],
  listed,
);

export const SET: readonly Word<Operator>[] = [
  SET_MAX_OPEN_FILES,
  ...rows([...LIMITS, ...TIMEOUTS], settable),
  SET_LOG_LEVEL,
  ...rows(["redisallowederrors", "redisdisabletime"], settable),
  SET_REDIS_DISABLE,
  ...rows(["redisconnecttimeout", "rediscmdtimeout", "controltos", "deletedelay"], settable),
];

/** Everything at once, as data. */
export const allParameters = (operator: Operator): { [name: string]: number } =>
  Object.fromEntries(PARAMETERS.map(({ name }) => [name, operator.parameter(name)]));

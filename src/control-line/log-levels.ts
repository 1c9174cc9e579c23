/** `list loglevel`, `list loglevels`, `set loglevel`. */
import { SUBSYSTEMS, type Subsystem } from "../observe/vocabulary.ts";
import type { Operator } from "./operator.ts";
import type { Word } from "./tree.ts";

/** In the order in which they are listed. */
const DESCRIPTIONS: Readonly<Record<Subsystem, string>> = {
  core: "Everything that is not part of another subsystem",
  ffmpeg: "Messages of the codec library",
  internals: "Internals, far too much for everyday use",
  spandsp: "Messages of the DSP library",
  transcoding: "Transcoding of media",
  codec: "Negotiation of codecs",
  rtcp: "Handling of RTCP",
  ice: "Negotiation of ICE",
  crypto: "Negotiation of SRTP, SDES and DTLS",
  srtp: "Encryption and decryption of SRTP",
  http: "HTTP, HTTPS and WebSocket",
  control: "Control protocols, SDP exchange, command line",
  dtx: "Buffer and timer of discontinuous transmission",
};

const NAMES = Object.keys(DESCRIPTIONS) as Subsystem[];
const isSubsystem = (name: string): name is Subsystem => (SUBSYSTEMS as readonly string[]).includes(name);

export const LIST_LOG_LEVELS: readonly Word<Operator>[] = [
  {
    word: "loglevels",
    help: "the subsystems of the log",
    run: () => NAMES.map((name) => `${name} - ${DESCRIPTIONS[name]}\n`).join(""),
    data: () => DESCRIPTIONS,
  },
  {
    word: "loglevel",
    params: "[<subsystem>]",
    help: "levels of all subsystems, or of one",
    run(operator, argument) {
      if (argument === "") return NAMES.map((name) => `${name} = ${operator.logLevel(name)}\n`).join("");
      return isSubsystem(argument) ? `${operator.logLevel(argument)}\n` : "";
    },
    data: (operator) => Object.fromEntries(NAMES.map((name) => [name, operator.logLevel(name)])),
  },
];

export const SET_LOG_LEVEL: Word<Operator> = {
  word: "loglevel",
  params: "<uint> | <subsystem> <uint>",
  help: "level of all subsystems, or of one",
  needsArgument: true,
  run(operator, argument) {
    const [, subsystem, level] = /^(?:(\S*[^\s\d-]\S*) )?(.*)$/s.exec(argument)!;
    const digits = /^\s*([+-]?[0-9]+)/.exec(level!)?.[1];
    if (digits === undefined) return `Fail setting loglevel to ${level}; no digits found\n`;
    const number = Number(digits);
    if (subsystem === undefined) operator.setLogLevel(number);
    else if (isSubsystem(subsystem)) operator.setLogLevel(number, subsystem);
    return `Success setting loglevel to ${number}\n`;
  },
};

/** Lines of `params diff`. */
export function logLevelDifferences(operator: Operator): string[] {
  return NAMES.flatMap((name) => {
    const before = operator.initialLogLevel(name);
    const now = operator.logLevel(name);
    return before === now ? [] : [`log-level-${name}: ${before} => ${now}`];
  });
}

export function revertLogLevels(operator: Operator): void {
  for (const name of NAMES) operator.setLogLevel(operator.initialLogLevel(name), name);
}

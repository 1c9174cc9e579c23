/** The words of the log: levels, subsystems, syslog facilities. Shared by the log and the configuration. */

/** Severities by syslog number (RFC 5424 section 6.2.1); 8 is the "more internal than debug" of the option `log-level`. */
export const LEVEL_NAMES = ["EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG", "DEBUG"] as const;

/** Severities by the names used in code. */
export const LEVELS = {
  emergency: 0,
  alert: 1,
  critical: 2,
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
  internal: 8,
} as const;
export type LevelName = keyof typeof LEVELS;

/** Lowest and highest level that can be set; -1 silences a subsystem. */
export const LEVEL_OFF = -1;
export const LEVEL_MAX = 8;
export const LEVEL_DEFAULT = 6;

export const SUBSYSTEMS = [
  "core",
  "spandsp",
  "ffmpeg",
  "transcoding",
  "codec",
  "rtcp",
  "ice",
  "crypto",
  "srtp",
  "internals",
  "http",
  "control",
  "dtx",
] as const;
export type Subsystem = (typeof SUBSYSTEMS)[number];

export type LogLevels = Readonly<Record<Subsystem, number>>;

/** Facility codes of RFC 5424 section 6.2.1 under their syslog.conf names. */
export const FACILITIES = {
  auth: 4,
  authpriv: 10,
  cron: 9,
  daemon: 3,
  ftp: 11,
  kern: 0,
  lpr: 6,
  mail: 2,
  news: 7,
  syslog: 5,
  user: 1,
  uucp: 8,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;
export type Facility = keyof typeof FACILITIES;

export const LOG_FORMATS = ["default", "parsable", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Line streams beside the log proper, each with a facility of its own. */
export type Channel = "cdr" | "rtcp" | "dtmf";

/** How the log is written; comes from the configuration. */
export interface LogSettings {
  /** Syslog ident. */
  readonly name: string;
  readonly levels: LogLevels;
  readonly format: LogFormat;
  readonly timestamps: boolean;
  /** A message of several lines becomes as many log lines. */
  readonly splitLines: boolean;
  /** Longest message text in one line, characters; 0 = no limit. */
  readonly maxLineLength: number;
  readonly maxLineLengthGiven?: boolean;
  /** Wanted on stderr instead of syslog. */
  readonly toStderr?: boolean;
  /** Unix socket of the syslog daemon; undefined or `none` = none. */
  readonly socket?: string;
  readonly facility: Facility;
  /** Facilities of the extra streams; undefined = that stream is off. */
  readonly channels: Readonly<Record<Channel, Facility | undefined>>;
  /** Written around sensitive values: addresses and call-ids. */
  readonly markPrefix: string;
  readonly markSuffix: string;
}

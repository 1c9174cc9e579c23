/**
 * Where the daemon's log goes: to syslog as ever, with `log-stderr` or where there is no syslog to stderr, plain under a
 * terminal, with priorities where systemd's journal listens.
 */
import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { errorCode, SystemError } from "../../ffi/system-error.ts";
import { UnixDatagramSender } from "../../ffi/unix-datagram.ts";
import { createLog, type Log, type LogSink } from "../observe/log.ts";
import { splitSink } from "../observe/split-sink.ts";
import { StderrSink } from "../observe/stderr-sink.ts";
import { SyslogSink } from "../observe/syslog-sink.ts";
import type { LogSettings } from "../observe/vocabulary.ts";

/** Length at which messages to syslog are broken unless `max-log-line-length` says otherwise. Characters. */
const SYSLOG_LINE = 500;

export function openLog(settings: LogSettings): Log {
  const stderr = stderrSink(settings);
  const { sink: syslog, why } = syslogSink(settings);
  const records = settings.channels.cdr ?? settings.channels.rtcp ?? settings.channels.dtmf;
  if (settings.toStderr || !syslog) {
    const log = createLog(settings, stderr, Date.now, syslog ?? stderr);
    const missed = !settings.toStderr ? "the log goes to stderr" : records && "records go to stderr";
    if (missed && why !== undefined) log.info("core", `No syslog (${why}): ${missed}`);
    return log;
  }
  const maxLineLength = settings.maxLineLengthGiven ? settings.maxLineLength : SYSLOG_LINE;
  // Somebody who starts the daemon by hand wants to see what it says.
  const main = isatty(2) ? splitSink([syslog, stderr]) : syslog;
  return createLog({ ...settings, maxLineLength }, main, Date.now, syslog);
}

function stderrSink(settings: LogSettings): LogSink {
  const journal = stderrIsJournal(process.env["JOURNAL_STREAM"]);
  const json = settings.format === "json";
  // The journal has its own clock, and JSON lines carry the time themselves.
  return new StderrSink({ fd: 2, timestamps: settings.timestamps && !journal && !json, priorities: journal });
}

/** `why`: there is none to be had although one is configured. */
function syslogSink({ socket: path, name }: LogSettings): { readonly sink?: LogSink; readonly why?: string } {
  if (path === undefined || path === "none") return {};
  try {
    const socket = new UnixDatagramSender(path);
    const error = socket.probe();
    if (error === 0) return { sink: new SyslogSink({ socket, name, pid: process.pid }) };
    socket.close();
    return { why: `${path}: ${errorCode(error)}` };
  } catch (error) {
    if (error instanceof SystemError) return { why: error.message };
    throw error;
  }
}

/** `JOURNAL_STREAM` is `DEVICE:INODE` of the journal's socket; stderr may have been redirected since (systemd.exec(5)). */
function stderrIsJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(2, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

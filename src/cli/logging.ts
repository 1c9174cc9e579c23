/** The daemon's log on stderr: plain under a terminal, with priorities where systemd's journal listens. */
import { fstatSync } from "node:fs";
import { createLog, type Log } from "../observe/log.ts";
import { StderrSink } from "../observe/stderr-sink.ts";
import type { LogSettings } from "../observe/vocabulary.ts";

export function openLog(settings: LogSettings): Log {
  const journal = stderrIsJournal(process.env["JOURNAL_STREAM"]);
  const json = settings.format === "json";
  return createLog(
    settings,
    // The journal has its own clock, and JSON lines carry the time themselves.
    new StderrSink({ fd: 2, timestamps: settings.timestamps && !journal && !json, priorities: journal }),
  );
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

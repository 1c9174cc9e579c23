/** Lines of the log to several sinks: syslog, and the terminal somebody started the daemon from. */
import type { LogSink } from "./log.ts";

/** Every line goes to each sink. */
export function splitSink(sinks: readonly LogSink[]): LogSink {
  return {
    write(line, severity, facility, time) {
      for (const sink of sinks) sink.write(line, severity, facility, time);
    },
    flush() {
      for (const sink of sinks) sink.flush();
    },
    drain: () => Promise.all(sinks.map((sink) => sink.drain())).then(() => {}),
    takeLost: () => sinks.reduce((lost, sink) => lost + sink.takeLost(), 0),
  };
}

/** An operator's post at a daemon without sockets: the call core with its fakes, a configuration, a log in memory. */
import { runLine } from "../../../src/control-line/commands.ts";
import { Console } from "../../../src/control-line/console.ts";
import { Dispatcher } from "../../../src/ng/dispatcher.ts";
import { createLog, type Log } from "../../../src/observe/log.ts";
import { addTraffic } from "../../../src/observe/metrics-traffic.ts";
import type { WorkerStatus } from "../../../src/relay/workers.ts";
import { ALICE, BOB, PEER, Scene } from "../call/scene.ts";
import { load, settingsOf } from "../config/host.ts";

export const WORKER: WorkerStatus = {
  worker: 0,
  alive: true,
  stuck: false,
  restarts: 0,
  packets: 12,
  turns: 7,
  naps: 3,
  gathering: 50,
  lostEvents: 0,
};

export class Station {
  readonly scene: Scene;
  readonly console: Console;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  readonly lines: string[] = [];
  readonly workers: WorkerStatus[] = [WORKER];
  controlTos: number | undefined;

  constructor(...argv: string[]) {
    const settings = settingsOf(load(["--config-file=none", "--interface=127.0.0.1", ...argv]));
    const { interfaces: _, ...call } = settings.call;
    this.scene = new Scene(call);
    this.log = createLog(
      settings.log,
      {
        write: (line) => void this.lines.push(line),
        flush: () => {},
        drain: async () => {},
        takeLost: () => 0,
      },
      () => this.scene.now,
    );
    this.dispatcher = new Dispatcher({
      execute: (directives, peer) => {
        const own = this.console.intercept(directives);
        if (own) return own;
        return this.scene.happen({ kind: "command", directives, peer }).reply!;
      },
      log: (level, subsystem, context, message) => this.log.write(level, subsystem, context, message),
      enabled: (level, subsystem) => this.log.enabled(level, subsystem),
      monotonic: () => 0,
      controlLine: (line) => this.run(line),
    });
    this.console = new Console({
      settings,
      state: this.scene.state,
      context: () => this.scene.context,
      happen: (event) => {
        const { effects } = this.scene.happen(event);
        for (const effect of effects) if (effect.kind === "log") this.lines.push(effect.message);
      },
      peers: this.dispatcher.peers,
      log: this.log,
      workers: () => this.workers,
      addCounters: (socket, sum) => addTraffic(sum, this.scene.context.streams.counters(socket)),
      setControlTos: (tos) => {
        this.controlTos = tos;
      },
    });
  }

  run(line: string): string {
    return runLine(this.console, line);
  }

  /** An answered call of one audio stream; ports count up from 30000. */
  call(callId = "call", fromTag = "A", toTag = "B"): void {
    this.scene.offer(ALICE, { callId, fromTag, viaBranch: "z9hG4bKa1" });
    this.scene.answer(BOB, { callId, fromTag, toTag });
  }
}

export { PEER };

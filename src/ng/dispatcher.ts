/**
 * From a request's bytes to its reply's bytes: repeated requests, decoding, the command, counters and log lines. Knows
 * no transport, no clock and not the call core; all three come in.
 */
import { type Endpoint, formatEndpoint } from "../address.ts";
import type { Directives } from "../call/directives.ts";
import type { CommandReply, LogLevel, Subsystem } from "../call/transition.ts";
import { byteString } from "./byte-string.ts";
import type { Answer } from "./commands/command.ts";
import { HANDLERS } from "./commands/registry.ts";
import { type ControlPeer, ControlPeers } from "./control-peers.ts";
import { CookieCache } from "./cookie-cache.ts";
import { dump, excerpt, printable } from "./dump.ts";
import { decodeBody, type Encoding, encodeReply, MESSAGE_ERRORS, splitFrame } from "./message.ts";
import type { Note, NoteKind } from "./reading.ts";
import type { NgDict, NgReplyDict } from "./value.ts";
import { COMMAND_BY_NAME, type CommandEntry } from "./vocabulary/commands.ts";

/** What a UDP datagram can carry over IPv4. Bytes. */
export const MAX_UDP_REPLY = 65_507;

export interface DispatcherOptions {
  /** The call core. `peer`: the controller, `address:port`. */
  execute(directives: Directives, peer: string): CommandReply;
  /** Signalling templates of the configuration: name to flag string. */
  readonly templates?: ReadonlyMap<string, string>;
  /** `context`: the call-id for the line's prefix. */
  log(level: LogLevel, subsystem: Subsystem, context: string | undefined, message: string): void;
  /** Whether such a line would be written at all. */
  enabled(level: LogLevel, subsystem: Subsystem): boolean;
  /** Milliseconds with fraction, never going back: for processing times only. */
  monotonic(): number;
  readonly cookies?: CookieCache;
  /** Carries out a line of the operator's command language: command `cli`. Byte strings. */
  controlLine?(line: string): string;
  /** A command was carried out, also when it failed. */
  measured?(command: string, seconds: number): void;
}

const NO_TEMPLATES: ReadonlyMap<string, string> = new Map();

/** Level of each kind of remark; each text is logged once per controller. */
const NOTE_LEVELS: Readonly<Record<NoteKind, LogLevel>> = {
  "unknown-key": "warning",
  "unknown-flag": "warning",
  "unknown-value": "warning",
  obsolete: "info",
  "not-honoured": "warning",
};

/** One request on its way. */
interface Message {
  readonly cookie: string | undefined;
  readonly data: string;
  readonly encoding: Encoding;
  readonly peer: Endpoint;
  readonly maxReply: number;
}

export class Dispatcher {
  readonly peers = new ControlPeers();
  readonly #options: DispatcherOptions;
  readonly #cookies: CookieCache;
  #templates: ReadonlyMap<string, string>;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#cookies = options.cookies ?? new CookieCache();
    this.#templates = options.templates ?? NO_TEMPLATES;
  }

  /** After a reload of the configuration. */
  set templates(templates: ReadonlyMap<string, string>) {
    this.#templates = templates;
  }

  /**
   * Carries out a message with cookie. `now`: Unix time in milliseconds. Returns the reply, undefined when there is none
   * to give. The bytes are valid until the next call. `maxReply`: a longer reply is replaced by an error.
   */
  handle(datagram: Uint8Array, peer: Endpoint, now: number, maxReply = MAX_UDP_REPLY): Uint8Array | undefined {
    const message = byteString(datagram);
    const frame = splitFrame(message);
    if (!frame) {
      const { log, enabled } = this.#options;
      if (enabled("warning", "control")) {
        const text = `Received invalid NG data (no cookie) from ${formatEndpoint(peer)}: ${excerpt(message)}`;
        log("warning", "control", undefined, text);
      }
      return undefined;
    }
    const { cookie } = frame;
    const state = this.#cookies.begin(cookie, now);
    if (state === "in-progress") return undefined; // its reply is on the way
    if (state !== "new") {
      this.#log("info", undefined, () => `Detected command from ${formatEndpoint(peer)} as a duplicate`);
      return state;
    }
    const reply = this.#answer(cookie, frame.body, undefined, peer, maxReply);
    this.#cookies.finish(cookie, reply);
    return reply;
  }

  /**
   * Carries out a message without cookie, of HTTP and WebSocket. `encoding`: from the content type, else by the first
   * byte. The reply is valid until the next call.
   */
  handlePlain(body: Uint8Array, peer: Endpoint, encoding?: Encoding): Uint8Array {
    return this.#answer(undefined, byteString(body), encoding, peer, Number.POSITIVE_INFINITY);
  }

  /** Object `controlstatistics` of the statistics tree. */
  controlStatistics(): NgReplyDict {
    return this.peers.statistics();
  }

  #answer(
    cookie: string | undefined,
    data: string,
    encoding: Encoding | undefined,
    peer: Endpoint,
    maxReply: number,
  ): Uint8Array {
    const started = this.#options.monotonic();
    const controller = this.peers.at(peer.address);
    const body = decodeBody(data, encoding);
    const message: Message = { cookie, data, encoding: body.encoding, peer, maxReply };
    if (body.error !== undefined) return this.#refuse(message, controller, undefined, body.error);
    const name = body.dict.string("command");
    const context = body.dict.string("call-id");
    if (name === undefined) return this.#refuse(message, controller, context, MESSAGE_ERRORS.command);
    const command = COMMAND_BY_NAME.get(name);
    this.#log("info", context, () => `Received command '${printable(name)}' from ${formatEndpoint(peer)}`);
    this.#log("debug", context, () => `Dump for '${printable(name)}' from ${formatEndpoint(peer)}: ${dump(body.dict)}`);
    if (!command) return this.#refuse(message, controller, context, MESSAGE_ERRORS.unknownCommand);

    const answer = this.#run(command, body.dict, controller, peer, context);
    const seconds = (this.#options.monotonic() - started) / 1_000;
    controller.count(command, seconds);
    this.#options.measured?.(command.name, seconds);
    this.#log("info", context, () => {
      const elapsed = seconds.toFixed(6);
      return `Replying to '${command.name}' from ${formatEndpoint(peer)} (elapsed time ${elapsed} sec)`;
    });
    if (answer.result === "error") {
      return this.#refuse(message, controller, context, answer.reason, answer.detail, command.name);
    }
    const reply = replyOf(answer);
    this.#log("debug", context, () => {
      return `Response dump for '${command.name}' to ${formatEndpoint(peer)}: ${dump(reply)}`;
    });
    const bytes = encodeReply(cookie, reply, body.encoding);
    if (bytes.length <= maxReply) return bytes;
    const detail = `reply has ${bytes.length} bytes, the transport carries ${maxReply}`;
    return this.#refuse(message, controller, context, "Reply too large", detail, command.name);
  }

  #run(
    command: CommandEntry,
    dict: NgDict,
    controller: ControlPeer,
    peer: Endpoint,
    context: string | undefined,
  ): Answer {
    const handler = HANDLERS.get(command.name);
    if (!handler) return unsupported(command);
    try {
      return handler({
        command: command.name,
        dict,
        templates: this.#templates,
        note: (notes) => this.#note(notes, controller, peer, context),
        execute: (directives) => this.#options.execute(directives, formatEndpoint(peer)),
        controlStatistics: () => this.controlStatistics(),
        ...(this.#options.controlLine && { controlLine: this.#options.controlLine }),
      });
    } catch (error) {
      // A defect of ours must neither end the process nor leave the client without an answer.
      const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.log("error", "control", context, `Internal error in command '${command.name}': ${trace}`);
      return { result: "error", reason: "Internal error" };
    }
  }

  #note(notes: readonly Note[], controller: ControlPeer, peer: Endpoint, context: string | undefined): void {
    for (const note of notes) {
      if (!controller.note(note)) continue;
      this.#log(NOTE_LEVELS[note.kind], context, () => `${printable(note.text)} (from ${peer.address}, logged once)`);
    }
  }

  #refuse(
    message: Message,
    controller: ControlPeer,
    context: string | undefined,
    reason: string,
    detail?: string,
    command?: string,
  ): Uint8Array {
    const { cookie, data, encoding, peer } = message;
    controller.errors++;
    this.#log("warning", context, () => {
      const why = detail === undefined ? reason : `${reason} (${printable(detail)})`;
      return `Protocol error in packet from ${formatEndpoint(peer)}: ${why} [${excerpt(data)}]`;
    });
    const reply: NgReplyDict = { result: "error", "error-reason": reason, "error-detail": detail };
    if (command !== undefined) {
      this.#log("debug", context, () => `Response dump for '${command}' to ${formatEndpoint(peer)}: ${dump(reply)}`);
    }
    return encodeReply(cookie, reply, encoding);
  }

  /** Builds the text only if the line is written. */
  #log(level: LogLevel, context: string | undefined, text: () => string): void {
    const { log, enabled } = this.#options;
    if (enabled(level, "control")) log(level, "control", context, text());
  }
}

function unsupported({ name }: CommandEntry): Answer {
  return { result: "error", reason: "unsupported", detail: `command '${name}' is not part of this version` };
}

function replyOf(answer: Exclude<Answer, { result: "error" }>): NgReplyDict {
  if (answer.result === "load limit") return { result: answer.result, message: answer.message };
  const { result, body } = answer;
  if (!("result" in body)) return { ...body, result };
  const { result: _, ...rest } = body;
  return { ...rest, result };
}

/** What every command of the ng protocol works on, and what it answers. */
import type { Directives } from "../../call/directives.ts";
import type { CommandReply } from "../../call/transition.ts";
import { Draft } from "../draft.ts";
import { decodeRequest } from "../flags.ts";
import type { Note } from "../reading.ts";
import type { NgDict, NgReplyDict } from "../value.ts";

export interface CommandRequest {
  /** Canonical name. */
  readonly command: string;
  readonly dict: NgDict;
  readonly templates: ReadonlyMap<string, string>;
  /** Takes the remarks on the request's flags. */
  note(notes: readonly Note[]): void;
  /** Hands the request to the call core. */
  execute(directives: Directives): CommandReply;
  controlStatistics(): NgReplyDict;
  /** Absent where there is no operator's command line. */
  readonly controlLine?: (line: string) => string;
}

/** What goes into the reply besides `result`. */
export type Answer =
  | { readonly result: "ok" | "pong"; readonly body: NgReplyDict }
  | { readonly result: "load limit"; readonly message: string }
  | { readonly result: "error"; readonly reason: string; readonly detail?: string | undefined };

export type Command = (request: CommandRequest) => Answer;

/** Things a request must have, in the order in which they are looked for, with the literal text when one is missing. */
export const MISSING = {
  sdp: "No SDP body in message",
  callId: "No call-id in message",
  fromTag: "No from-tag in message",
  toTag: "No to-tag in message",
} as const;

/** Reads all keys by the flag table, checks that nothing needed is missing, and lets the call core do the rest. */
export function runWithFlags(request: CommandRequest, needs: readonly (keyof typeof MISSING)[]): Answer {
  const { command, dict, templates } = request;
  const decoded = decodeRequest(command, dict, templates);
  if (decoded.notes.length > 0) request.note(decoded.notes);
  if (decoded.error !== undefined) return { result: "error", reason: decoded.error };
  const { directives } = decoded;
  for (const need of needs) {
    if (!directives[need]) return { result: "error", reason: MISSING[need] };
  }
  return answerOf(request.execute(directives), directives.supportsLoadLimit);
}

/** Directives of commands that read a few exact keys and no flags. */
export function plainDirectives(command: string, fields: Partial<Directives>): Directives {
  return Object.assign(new Draft(command), fields);
}

export function answerOf(reply: CommandReply, supportsLoadLimit = false): Answer {
  if (reply.ok) return { result: "ok", body: reply.body };
  if (reply.loadLimit && supportsLoadLimit) return { result: "load limit", message: reply.reason };
  return { result: "error", reason: reply.reason, detail: reply.detail };
}

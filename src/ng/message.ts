/**
 * Framing of ng messages: `<cookie> SP <dictionary>`, bencode or JSON, told apart by the first byte of the body.
 */
import { MAX_COOKIE_LENGTH, MAX_NG_MESSAGE } from "../limits.ts";
import { decodeBencode, ReplyBuffer } from "./bencode.ts";
import { detached } from "./byte-string.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { NgDict, type NgReplyDict } from "./value.ts";

export type Encoding = "bencode" | "json";

/** A message's parts, byte strings. */
export interface Frame {
  /** Without the space. In memory of its own. */
  readonly cookie: string;
  /** Empty when there is none. */
  readonly body: string;
}

/** The literal texts that clients see. */
export const MESSAGE_ERRORS = {
  payload: "Invalid data (no payload)",
  format: "Invalid NG data format",
  bencode: "Could not decode bencode dictionary",
  json: "Failed to parse JSON document",
  jsonRoot: "Could not decode JSON dictionary",
  command: 'Dictionary contains no key "command"',
  unknownCommand: "Unrecognized command",
} as const;

/** A request's dictionary, or the error text for it; both with the encoding of the reply. */
export type Body =
  | { readonly encoding: Encoding; readonly dict: NgDict; readonly error?: undefined }
  | { readonly encoding: Encoding; readonly error: string };

/** Finds the cookie: undefined when there is none (no space, nothing before it) or one of absurd length. */
export function splitFrame(message: string): Frame | undefined {
  const space = message.indexOf(" ");
  if (space <= 0 || space > MAX_COOKIE_LENGTH) return undefined;
  return { cookie: detached(message.slice(0, space)), body: message.slice(space + 1) };
}

/**
 * Decodes a body. `encoding` is given where something else than the first byte says what it is (a content type).
 * Bytes after a bencode dictionary are ignored.
 */
export function decodeBody(body: string, encoding?: Encoding): Body {
  const kind = encoding ?? (body.startsWith("{") ? "json" : "bencode");
  if (body === "") return { encoding: kind, error: MESSAGE_ERRORS.payload };
  if (body.length > MAX_NG_MESSAGE) return { encoding: kind, error: MESSAGE_ERRORS.format };
  if (kind === "json") {
    const decoded = decodeJson(body);
    if (decoded === "syntax") return { encoding: kind, error: MESSAGE_ERRORS.json };
    if (decoded === "content" || !(decoded.value instanceof NgDict)) {
      return { encoding: kind, error: MESSAGE_ERRORS.jsonRoot };
    }
    return { encoding: kind, dict: decoded.value };
  }
  if (!body.startsWith("d")) return { encoding: kind, error: MESSAGE_ERRORS.format };
  const decoded = decodeBencode(body);
  if (typeof decoded === "string" || !(decoded.value instanceof NgDict)) {
    return { encoding: kind, error: MESSAGE_ERRORS.bencode };
  }
  return { encoding: kind, dict: decoded.value };
}

const replies = new ReplyBuffer();

/**
 * Writes a reply: cookie (left out on transports without), space, dictionary. The bytes are valid until the next call.
 */
export function encodeReply(cookie: string | undefined, reply: NgReplyDict, encoding: Encoding): Uint8Array {
  replies.clear();
  if (cookie !== undefined) {
    replies.raw(cookie);
    replies.raw(" ");
  }
  if (encoding === "json") replies.utf8(encodeJson(reply));
  else replies.bencode(reply);
  return replies.bytes();
}

/**
 * The requests a Kamailio script with `rtpengine_offer()`, `rtpengine_answer()` and `rtpengine_delete()` puts on the
 * wire, as byte templates: everything but cookie, call-id and port is fixed, and those have a fixed width, so making a
 * request is a few byte writes. Key order and cookie shape are Kamailio's, keys unsorted.
 */

import { type CallSecurity, cryptoLines, transport } from "./secure-call.ts";
import type { BenchSuite } from "./srtp-cipher.ts";

const COOKIE = 22;
const CALL_ID = 32;

const text = (value: string): string => `${Buffer.byteLength(value, "latin1")}:${value}`;
const list = (...items: string[]): string => `l${items.map(text).join("")}e`;

export interface NgParties {
  readonly addressA: string;
  readonly addressB: string;
}

/** A soft phone's offer: seven codecs, telephone-event, RTCP port, as phones send it. */
function offerSdp(address: string, port: string, suite: BenchSuite | undefined): string {
  return [
    "v=0",
    `o=- 3873219843 3873219843 IN IP4 ${address}`,
    "s=Phone",
    `c=IN IP4 ${address}`,
    "t=0 0",
    `m=audio ${port} ${transport(suite)} 96 9 8 0 18 97 101`,
    ...cryptoLines("a", suite, "1"),
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:96 useinbandfec=1; stereo=0; sprop-stereo=0",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:18 G729/8000",
    "a=fmtp:18 annexb=no",
    "a=rtpmap:97 iLBC/8000",
    "a=fmtp:97 mode=20",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-16",
    "a=ptime:20",
    "a=maxptime:150",
    "a=sendrecv",
    "",
  ].join("\r\n");
}

/** A gateway's answer. */
function answerSdp(address: string, port: string, suite: BenchSuite | undefined): string {
  return [
    "v=0",
    `o=gateway 774422 774423 IN IP4 ${address}`,
    "s=call",
    `c=IN IP4 ${address}`,
    "t=0 0",
    `m=audio ${port} ${transport(suite)} 8 101`,
    ...cryptoLines("b", suite, "T"),
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
    "a=silenceSupp:off - - - -",
    "a=ptime:20",
    "a=sendrecv",
    "",
  ].join("\r\n");
}

export type NgCommand = "offer" | "answer" | "delete";

class Template {
  readonly bytes: Uint8Array;
  readonly #cookie = 0;
  readonly #callId: number;
  readonly #port: number | undefined;
  readonly #tag: number | undefined;

  constructor(source: string) {
    const tag = source.indexOf("a=crypto:T");
    this.#tag = tag < 0 ? undefined : tag + 9;
    this.#callId = source.indexOf("C".repeat(CALL_ID));
    const port = source.indexOf("PPPPP");
    this.#port = port < 0 ? undefined : port;
    this.bytes = Buffer.from(source, "latin1");
  }

  /** Writes a request into `out`; returns its length. */
  write(out: Uint8Array, cookie: string, callId: string, port: string, tag: string): number {
    out.set(this.bytes);
    for (let i = 0; i < COOKIE; i++) out[this.#cookie + i] = cookie.charCodeAt(i);
    for (let i = 0; i < CALL_ID; i++) out[this.#callId + i] = callId.charCodeAt(i);
    if (this.#port !== undefined) for (let i = 0; i < 5; i++) out[this.#port + i] = port.charCodeAt(i);
    if (this.#tag !== undefined) out[this.#tag] = tag.charCodeAt(0);
    return this.bytes.length;
  }
}

export class NgRequests {
  readonly #templates: Record<NgCommand, Template>;

  /** `security`: suites of the parties; where they differ in having one the relay is told to bridge. */
  constructor(parties: NgParties, { a, b }: CallSecurity = { a: undefined, b: undefined }) {
    const cookie = "#".repeat(COOKIE);
    const head = `${text("supports")}${list("load limit")}`;
    const received = (address: string) => `${text("received-from")}${list("IP4", address)}`;
    const callId = `${text("call-id")}${text("C".repeat(CALL_ID))}`;
    const fromTag = `${text("from-tag")}${text("as3f1c92e7d0")}`;
    const toTag = `${text("to-tag")}${text("gK0c4d11a7")}`;
    const replace = `${text("replace")}${list("origin")}`;
    const flags = `${text("flags")}${list("trust-address")}`;
    const bridge = (a === undefined) === (b === undefined) ? "" : `${text("transport-protocol")}${text(transport(b))}`;
    const kind = (value: string) => `${text("sip-message-type")}${text(value)}`;
    const command = (name: string) => `${text("command")}${text(name)}`;
    this.#templates = {
      offer: new Template(
        `${cookie} d${head}${text("sdp")}${text(offerSdp(parties.addressA, "PPPPP", a))}${bridge}${text("ICE")}${text("remove")}` +
          `${replace}${received(parties.addressA)}${callId}${fromTag}${command("offer")}${kind("sip_request")}${flags}e`,
      ),
      answer: new Template(
        `${cookie} d${head}${text("sdp")}${text(answerSdp(parties.addressB, "PPPPP", b))}${text("ICE")}${text("remove")}` +
          `${replace}${received(parties.addressB)}${callId}${fromTag}${toTag}${command("answer")}${kind("sip_reply")}${flags}e`,
      ),
      delete: new Template(`${cookie} d${head}${callId}${fromTag}${command("delete")}${kind("sip_request")}e`),
    };
  }

  /** Bytes of a request, cookie included. */
  size(command: NgCommand): number {
    return this.#templates[command].bytes.length;
  }

  /** `tag`: of the crypto line in a secure answer, one character. */
  write(command: NgCommand, out: Uint8Array, cookie: string, callId: string, port: number, tag = "1"): number {
    return this.#templates[command].write(out, cookie, callId, String(port).padStart(5, "0"), tag);
  }
}

const digits = (value: number, width: number): string => String(value).padStart(width, "0");

/** `<server id>_<process>_<counter>`; `slot` and `serial` can be read back from a reply. 22 bytes. */
export const ngCookie = (slot: number, serial: number): string => `0_${digits(slot, 10)}_${digits(serial, 9)}`;
export const COOKIE_LENGTH = COOKIE;

/** 32 bytes; `prefix` is up to 12 characters. */
export const ngCallId = (prefix: string, call: number): string =>
  `${prefix.padEnd(12, "-")}${digits(call, 10)}@192.0.2.1`;

/** The port and address of the first m= section in a reply; throws with the daemon's words otherwise. */
export function relayEndpoint(reply: string): readonly [address: string, port: number] {
  const address = /^c=IN IP4 (\S+)/m.exec(reply)?.[1];
  const port = /^m=audio (\d+)/m.exec(reply)?.[1];
  if (!reply.includes("6:result2:ok") || !address || !port) throw new Error(`ng reply: ${reply.slice(0, 300)}`);
  return [address, Number(port)];
}

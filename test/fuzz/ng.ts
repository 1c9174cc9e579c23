/**
 * ng datagrams: requests made by the grammar from the flag table, samples of SIP proxies, and both mutated. Whatever
 * comes, the dispatcher does not throw, answers every datagram that has a cookie with that cookie and a well-formed
 * dictionary, and answers a repetition with the same bytes.
 */
import type { Directives } from "../../src/call/directives.ts";
import type { CommandReply } from "../../src/call/transition.ts";
import { MAX_COOKIE_LENGTH } from "../../src/limits.ts";
import { decodeBencode } from "../../src/ng/bencode.ts";
import { CookieCache } from "../../src/ng/cookie-cache.ts";
import { Dispatcher } from "../../src/ng/dispatcher.ts";
import { FLAGS, KEYS, PREFIXES } from "../../src/ng/flags.ts";
import { NgDict } from "../../src/ng/value.ts";
import { COMMANDS } from "../../src/ng/vocabulary/commands.ts";
import type { FuzzTarget } from "./target.ts";

const SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n";
const RESULTS = new Set(["ok", "pong", "error", "load limit"]);

const SAMPLES = [
  "7341_1_1 d7:command4:pinge",
  `0_1_77 d8:supportsl10:load limite3:sdp${SDP.length}:${SDP}3:ICE5:force7:replacel6:origin18:session-connectione18:transport-protocol9:RTP/SAVPF13:received-froml3:IP413:198.51.100.50e7:call-id6:a84b4c8:from-tag2:197:command5:offer16:sip-message-type11:sip_request5:flagsl13:trust-addressee`,
  `0_1_78 d3:sdp${SDP.length}:${SDP}7:call-id6:a84b4c8:from-tag2:197:command5:offer10:rtpp-flags113:trust-address codec=[strip=[opus] transcode=[PCMA PCMU]] sdp-attr=[audio=[add=[fmtp:96..x--1]]] direction=a RTP/SAVPe`,
  "0_1_79 d7:call-id6:a84b4c8:from-tag2:197:command6:delete12:delete delayi0e12:delete-delay1:0e",
  '9 {"command":"query","call-id":"abc123","x":[1,true,null,{"a":"\\u00fc\\n"}]}',
  `8 {"command":"answer","sdp":${JSON.stringify(SDP)},"call-id":"a","from-tag":"b","to-tag":"c","flags":["fatal"]}`,
  "7 d7:command10:statisticse",
  "6 d7:command4:list5:limiti5ee",
].map((text) => Buffer.from(text, "latin1"));

type Random = () => number;

class Maker {
  readonly #random: Random;
  constructor(random: Random) {
    this.#random = random;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(limit: number): string {
    const length = this.below(limit);
    let text = "";
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.below(this.chance(0.8) ? 128 : 256));
    return text;
  }

  datagram(): Uint8Array {
    const kind = this.below(10);
    let bytes: Uint8Array;
    if (kind < 4) bytes = Buffer.from(`${this.cookie()} ${this.request()}`, "latin1");
    else if (kind < 5) bytes = Buffer.from(this.bytes(200), "latin1");
    else bytes = Uint8Array.from(this.pick(SAMPLES));
    return this.chance(0.6) ? this.mutate(bytes) : bytes;
  }

  cookie(): string {
    return this.chance(0.9) ? `${this.below(1e6)}_${this.below(1e6)}` : this.bytes(20);
  }

  /** A dictionary with keys of the table in either encoding. */
  request(): string {
    const entries: [string, unknown][] = [];
    const count = this.below(12);
    for (let i = 0; i < count; i++) entries.push(this.entry());
    if (this.chance(0.9)) entries.push(["sdp", SDP], ["call-id", this.tag()], ["from-tag", this.tag()]);
    if (this.chance(0.5)) entries.push(["to-tag", this.tag()]);
    if (this.chance(0.95)) entries.push(["command", this.pick(this.pick(COMMANDS).spellings)]);
    return this.chance(0.8) ? bencode(new Map(entries)) : json(new Map(entries));
  }

  tag(): string {
    return this.chance(0.9) ? `t${this.below(20)}` : this.bytes(40);
  }

  entry(): [string, unknown] {
    if (this.chance(0.1)) return [this.bytes(12), this.value(0)];
    const key = this.pick(KEYS);
    const name = this.pick(key.spellings);
    if (name.startsWith("rtpp") || key.name === "template") return [name, this.flagString()];
    if (key.name === "flags") return [name, Array.from({ length: this.below(8) }, () => this.flag())];
    if (key.words && this.chance(0.8)) {
      const words = Array.from({ length: 1 + this.below(3) }, () => this.pick(this.pick(key.words!.words).spellings));
      return [name, this.chance(0.5) ? words : words.join(",")];
    }
    if (key.name === "codec" && this.chance(0.8)) {
      return [name, new Map([[this.pick(["strip", "offer", "mask", "set", "x"]), this.value(1)]])];
    }
    if (key.name === "sdp-attr" && this.chance(0.8)) {
      const edits = new Map([[this.pick(["add", "remove", "substitute", "x"]), this.value(1)]]);
      return [name, new Map([[this.pick(["none", "audio", "x"]), edits]])];
    }
    return [name, this.value(0)];
  }

  flag(): string {
    if (this.chance(0.2)) return this.bytes(16);
    if (this.chance(0.5)) return this.pick(this.pick(FLAGS).spellings);
    return this.pick(PREFIXES).prefix + this.pick(["", "off", "origin", "PCMA", "audio-x", "none-a>b", "x--y..z"]);
  }

  flagString(): string {
    const words: string[] = [];
    const count = this.below(8);
    for (let i = 0; i < count; i++) {
      if (this.chance(0.5)) words.push(this.flag());
      else words.push(`${this.pick(this.pick(KEYS).spellings)}=${this.group(0)}`);
    }
    return words.join(this.chance(0.9) ? " " : this.bytes(3));
  }

  group(depth: number): string {
    if (depth > 4 || this.chance(0.5)) return this.pick(["x", "", "a=b", "]", "[", "20", "off,x", "192.0.2.1"]);
    const parts = Array.from({ length: this.below(4) }, () =>
      this.chance(0.4)
        ? `${this.pick(["strip", "audio", "add", "k"])}=${this.group(depth + 1)}`
        : this.group(depth + 1),
    );
    return `[${parts.join(" ")}${this.chance(0.95) ? "]" : ""}`;
  }

  value(depth: number): unknown {
    const kind = this.below(depth > 3 ? 4 : 6);
    if (kind < 2) return this.bytes(20);
    if (kind === 2) return this.below(1_000) - 500;
    if (kind === 3) return this.pick(["20", "-1", "x,y", "192.0.2.1", "off", "[::1]", ""]);
    if (kind === 4) return Array.from({ length: this.below(4) }, () => this.value(depth + 1));
    return new Map(Array.from({ length: this.below(4) }, () => [this.bytes(8), this.value(depth + 1)]));
  }

  mutate(bytes: Uint8Array): Uint8Array {
    let data: Uint8Array = bytes;
    const rounds = 1 + this.below(4);
    for (let i = 0; i < rounds; i++) {
      const at = this.below(data.length + 1);
      const kind = this.below(7);
      if (kind === 0 && data.length > 0) data[this.below(data.length)]! ^= 1 << this.below(8);
      else if (kind === 1 && data.length > 0)
        data[this.below(data.length)] = this.pick([...Buffer.from('0:9deil -{}[]"\\')]);
      else if (kind === 2) data = data.slice(0, at);
      else if (kind === 3) data = join(data.subarray(0, at), Buffer.from(this.bytes(8), "latin1"), data.subarray(at));
      else if (kind === 4) {
        const end = Math.min(data.length, at + this.below(20));
        data = join(data.subarray(0, end), data.subarray(at));
      } else if (kind === 5)
        data = join(data.subarray(0, at), data.subarray(Math.min(data.length, at + this.below(10))));
      else data = join(data.subarray(0, at), Buffer.from(this.pick(["l".repeat(50), "999999999:", "i-", "d1:a", "e"])));
    }
    return data;
  }
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function bencode(value: unknown): string {
  if (typeof value === "number") return `i${value}e`;
  if (Array.isArray(value)) return `l${value.map(bencode).join("")}e`;
  if (value instanceof Map) return `d${[...value].map(([key, item]) => bencode(key) + bencode(item)).join("")}e`;
  return `${String(value).length}:${value}`;
}

function json(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(json).join(",")}]`;
  if (!(value instanceof Map)) return Buffer.from(JSON.stringify(value), "utf8").toString("latin1");
  return `{${[...value].map(([key, item]) => `${json(key)}:${json(item)}`).join(",")}}`;
}

/** What is wrong with a reply; undefined when nothing. */
function flaw(datagram: Uint8Array, reply: Uint8Array | undefined): string | undefined {
  const space = datagram.indexOf(0x20);
  const hasCookie = space > 0 && space <= MAX_COOKIE_LENGTH;
  if (!hasCookie) return reply === undefined ? undefined : "reply without cookie";
  if (reply === undefined) return "no reply";
  if (!Buffer.from(reply.subarray(0, space + 1)).equals(datagram.subarray(0, space + 1))) return "cookie changed";
  const body = reply.subarray(space + 1);
  let result: unknown;
  if (body[0] === 0x7b) {
    try {
      result = (JSON.parse(Buffer.from(body).toString("utf8")) as { result?: unknown }).result;
    } catch {
      return "reply is no JSON";
    }
  } else {
    const decoded = decodeBencode(Buffer.from(body).toString("latin1"));
    if (typeof decoded === "string" || decoded.length !== body.length) return "reply is no bencode";
    if (!(decoded.value instanceof NgDict)) return "reply is no dictionary";
    result = decoded.value.get("result");
  }
  return typeof result === "string" && RESULTS.has(result) ? undefined : `result is ${String(result)}`;
}

export const target: FuzzTarget = {
  name: "ng",
  run(cases, random) {
    const maker = new Maker(random);
    const failures: string[] = [];
    const lines: string[] = [];
    const execute = (directives: Directives): CommandReply => {
      const kind = maker.below(10);
      if (kind === 0) return { ok: false, reason: "Unknown call-id" };
      if (kind === 1) return { ok: false, reason: "Load limit exceeded", loadLimit: true, detail: maker.bytes(30) };
      const tags = new Map([[directives.fromTag ?? "", { tag: directives.fromTag, created: 1 }]]);
      return { ok: true, body: { sdp: directives.sdp, tags, calls: [directives.callId ?? ""] } };
    };
    const dispatcher = new Dispatcher({
      execute,
      templates: new Map([
        ["default", maker.flagString()],
        ["x", maker.flagString()],
        ["offer", "template=offer"],
      ]),
      log: (level, _subsystem, _context, message) => {
        if (level === "error") lines.push(message);
        if (!/^[ -~…]*$/.test(message) && level !== "error") lines.push(`line with control characters: ${message}`);
      },
      enabled: () => true,
      monotonic: () => 0,
      cookies: new CookieCache({ entries: 1_000, bytes: 1_000_000 }),
    });
    const peers = Array.from({ length: 8 }, (_, i) => ({ address: `192.0.2.${i}`, port: 5_060 }));
    let now = 1_767_225_600_000;
    for (let i = 0; i < cases; i++) {
      const datagram = maker.datagram();
      now += maker.below(40);
      let problem: string | undefined;
      try {
        const reply = dispatcher.handle(datagram, maker.pick(peers), now);
        problem = flaw(datagram, reply);
        if (!problem && reply && i % 16 === 0) {
          const first = Buffer.from(reply);
          const again = dispatcher.handle(datagram, maker.pick(peers), now);
          if (!again || !first.equals(again)) problem = "a repetition got another reply";
        }
      } catch (error) {
        problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
      }
      problem ??= lines.pop();
      lines.length = 0;
      if (problem) failures.push(`${problem} <- ${Buffer.from(datagram).toString("hex").slice(0, 2_000)}`);
    }
    return { cases, failures };
  },
};

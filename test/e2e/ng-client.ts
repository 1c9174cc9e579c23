/**
 * An ng client as a SIP proxy is one: bencode over UDP with a cookie in front. Written apart from the daemon's own codec so
 * that a mistake there is not made twice. Text is latin1: one character is one byte.
 */
import type { udp } from "bun";
import { within } from "./deadline.ts";

export type NgValue = string | number | readonly NgValue[] | NgDictionary;
export interface NgDictionary {
  readonly [key: string]: NgValue;
}

/** Keys in insertion order, as the proxies' modules write them: not sorted. */
export function encodeNg(value: NgValue): string {
  if (typeof value === "number") return `i${value}e`;
  if (typeof value === "string") return `${Buffer.byteLength(value, "latin1")}:${value}`;
  if (Array.isArray(value)) return `l${value.map(encodeNg).join("")}e`;
  return `d${Object.entries(value)
    .map(([key, item]) => encodeNg(key) + encodeNg(item as NgValue))
    .join("")}e`;
}

/** @throws Error when the text is not exactly one bencode value */
export function decodeNg(text: string): NgValue {
  let at = 0;
  const value = (): NgValue => {
    const head = text[at];
    if (head === "i") {
      const end = text.indexOf("e", at);
      const digits = text.slice(at + 1, end);
      if (end < 0 || !/^-?\d+$/.test(digits)) throw new Error(`no integer at byte ${at}`);
      at = end + 1;
      return Number(digits);
    }
    if (head === "l") {
      const list: NgValue[] = [];
      at++;
      while (text[at] !== "e") list.push(value());
      at++;
      return list;
    }
    if (head === "d") {
      const dictionary: Record<string, NgValue> = {};
      at++;
      while (text[at] !== "e") {
        const key = value();
        if (typeof key !== "string") throw new Error(`key at byte ${at} is no string`);
        dictionary[key] = value();
      }
      at++;
      return dictionary;
    }
    const colon = text.indexOf(":", at);
    const length = text.slice(at, colon);
    if (colon < 0 || !/^\d+$/.test(length)) throw new Error(`no bencode value at byte ${at}`);
    const end = colon + 1 + Number(length);
    if (end > text.length) throw new Error(`string at byte ${at} runs past the end`);
    at = end;
    return text.slice(colon + 1, end);
  };
  const result = value();
  if (at !== text.length) throw new Error(`${text.length - at} bytes after the value`);
  return result;
}

/** The value under `path`, or undefined where the tree has no such branch. */
export function pick(value: NgValue | undefined, ...path: readonly (string | number)[]): NgValue | undefined {
  let at: NgValue | undefined = value;
  for (const step of path) {
    if (at === undefined || typeof at !== "object") return undefined;
    at = (at as Record<string | number, NgValue>)[step];
  }
  return at;
}

export class NgClient {
  #socket!: udp.ConnectedSocket<"buffer">;
  #waiting = new Map<string, (reply: string) => void>();
  #serial = 0;
  /** Every reply datagram that came, in order. */
  readonly datagrams: string[] = [];
  #arrived: (() => void)[] = [];

  private constructor(private readonly prefix: string) {}

  static async connect(address: string, port: number): Promise<NgClient> {
    const client = new NgClient(`${process.pid}_${Math.floor(Math.random() * 2 ** 31)}`);
    client.#socket = await Bun.udpSocket({
      connect: { hostname: address, port },
      socket: {
        data: (_socket, data) => client.#receive(data.toString("latin1")),
        error: () => {}, // ICMP refused while the daemon starts: the deadline decides
      },
    });
    return client;
  }

  #receive(datagram: string) {
    this.datagrams.push(datagram);
    const cookie = datagram.slice(0, datagram.indexOf(" "));
    this.#waiting.get(cookie)?.(datagram);
    for (const wake of this.#arrived.splice(0)) wake();
  }

  cookie(): string {
    return `${this.prefix}_${++this.#serial}`;
  }

  /** Sends bytes as they are. */
  send(datagram: string): void {
    if (!this.#socket.closed) this.#socket.send(Buffer.from(datagram, "latin1"));
  }

  /** Resolves when `count` datagrams have come since the client was made. */
  async received(count: number, timeoutMs = 3_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (this.datagrams.length < count) {
      const next = new Promise<void>((resolve) => this.#arrived.push(resolve));
      await within(next, until - performance.now(), `ng reply ${this.datagrams.length + 1} of ${count}`);
    }
  }

  /** One request, one reply: the same datagram is sent again every second as the proxies' modules do. */
  async request(body: NgDictionary, options: { cookie?: string; timeoutMs?: number } = {}): Promise<NgDictionary> {
    const cookie = options.cookie ?? this.cookie();
    const datagram = `${cookie} ${encodeNg(body)}`;
    const reply = new Promise<string>((resolve) => this.#waiting.set(cookie, resolve));
    this.send(datagram);
    const again = setInterval(() => this.send(datagram), 1_000);
    try {
      const text = await within(reply, options.timeoutMs ?? 5_000, `reply to ng ${String(body["command"])}`);
      return decodeNg(text.slice(cookie.length + 1)) as NgDictionary;
    } finally {
      clearInterval(again);
      this.#waiting.delete(cookie);
    }
  }

  /** Pings until the daemon answers. Resolves with the milliseconds it took. */
  async untilPong(timeoutMs: number, everyMs: number): Promise<number> {
    const start = performance.now();
    let answered = false;
    while (!answered) {
      if (performance.now() - start > timeoutMs) throw new Error(`no answer to ng ping in ${timeoutMs} ms`);
      answered = await this.request({ command: "ping" }, { timeoutMs: everyMs }).then(
        (reply) => reply["result"] === "pong",
        () => false,
      );
    }
    return performance.now() - start;
  }

  close(): void {
    this.#socket.close();
  }
}

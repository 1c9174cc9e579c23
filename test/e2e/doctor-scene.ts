/**
 * A daemon in a network namespace of its own, so that its firewall and routes can be broken for real; the phones are sockets
 * of this process at the other end of a cable.
 */
import type { udp } from "bun";
import type { Endpoint } from "../../src/address.ts";
import { Child } from "./child.ts";
import { daemonPath } from "./daemon.ts";
import { NgClient, type NgDictionary, type NgValue, pick } from "./ng-client.ts";

export const HOST = "10.23.0.1";
export const PHONES = "10.23.0.2";
export const OTHER_PHONES = "10.23.0.3";
export const NG_PORT = 23_022;
export const PORTS = { first: 23_100, last: 23_299 } as const;

export const OPTIONS = [
  "--config-file=none",
  "--table=-1",
  `--interface=${HOST}`,
  `--listen-ng=${HOST}:${NG_PORT}`,
  `--port-min=${PORTS.first}`,
  `--port-max=${PORTS.last}`,
  "--delete-delay=0",
  "--foreground",
  "--log-stderr",
];

export function must(...command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString().trim()}`);
  return stdout.toString();
}

export interface Asked {
  readonly status: number | string;
  readonly text: string;
  readonly errors: string;
}

export class BrokenHost {
  readonly namespace = `doc-${process.pid}`;
  readonly #device = `doc${process.pid}`;
  daemon!: Child;
  ng!: NgClient;
  readonly #phones: Phone[] = [];

  constructor() {
    must("ip", "netns", "add", this.namespace);
    must("ip", "link", "add", this.#device, "type", "veth", "peer", "name", "eth0", "netns", this.namespace);
    for (const address of [PHONES, OTHER_PHONES]) must("ip", "address", "add", `${address}/24`, "dev", this.#device);
    must("ip", "link", "set", this.#device, "up");
    this.inside("ip", "address", "add", `${HOST}/24`, "dev", "eth0");
    this.inside("ip", "link", "set", "eth0", "up");
    this.inside("ip", "link", "set", "lo", "up");
  }

  /** Runs a command where the daemon is. */
  inside(...command: string[]): string {
    return must("ip", "netns", "exec", this.namespace, ...command);
  }

  async start(...more: string[]): Promise<void> {
    this.daemon = new Child("daemon", ["ip", "netns", "exec", this.namespace, daemonPath, ...OPTIONS, ...more]);
    this.ng = await NgClient.connect(HOST, NG_PORT);
    await this.daemon.whileRunning(this.ng.untilPong(5_000, 50));
  }

  async doctor(args: readonly string[], prefix: readonly string[] = []): Promise<Asked> {
    const child = Bun.spawn(["ip", "netns", "exec", this.namespace, ...prefix, daemonPath, "doctor", ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [text, errors, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { status, text, errors };
  }

  async phone(address = PHONES): Promise<Phone> {
    const phone = await Phone.open(address);
    this.#phones.push(phone);
    return phone;
  }

  async close(): Promise<void> {
    for (const phone of this.#phones) phone.close();
    try {
      await this.#endCalls();
      this.ng?.close();
      await this.daemon?.stop();
    } finally {
      // The cable goes with the namespace.
      must("ip", "netns", "delete", this.namespace);
    }
  }

  /** With calls up the daemon would drain. */
  async #endCalls(): Promise<void> {
    if (!this.daemon?.running) return;
    const { calls } = await this.ng.request({ command: "list", limit: 1_000 });
    for (const id of calls as string[]) await this.ng.request({ command: "delete", "call-id": id });
  }
}

/** One socket that sends 20 ms packets until it is closed. */
export class Phone {
  #socket!: udp.Socket<"buffer">;
  #timer: ReturnType<typeof setInterval> | undefined;
  #sequence = 0;
  received = 0;

  static async open(address: string): Promise<Phone> {
    const phone = new Phone();
    phone.#socket = await Bun.udpSocket({
      hostname: address, // What a closed port answers is nobody's affair here.
      socket: { data: () => void phone.received++, error: () => {} },
    });
    return phone;
  }

  get port(): number {
    return this.#socket.port;
  }

  get endpoint(): Endpoint {
    return { address: this.#socket.hostname, port: this.port };
  }

  send(to: Endpoint, packet: Uint8Array = this.#rtp()): void {
    try {
      this.#socket.send(packet, to.port, to.address);
    } catch {} // a port that was closed meanwhile
  }

  talk(to: Endpoint, packet?: Uint8Array): void {
    this.#timer = setInterval(() => this.send(to, packet), 20);
  }

  hush(): void {
    clearInterval(this.#timer);
  }

  /** PCMA, 20 ms (RFC 3550 section 5.1). */
  #rtp(): Uint8Array {
    const packet = Buffer.alloc(172, 0xd5);
    packet.writeUInt16BE(0x8008, 0);
    packet.writeUInt16BE(++this.#sequence & 0xffff, 2);
    packet.writeUInt32BE(this.#sequence * 160, 4);
    packet.writeUInt32BE(this.port, 8);
    return packet;
  }

  close(): void {
    this.hush();
    if (!this.#socket.closed) this.#socket.close();
  }
}

export function sdp({ address, port }: Endpoint, more = "", protocol = "RTP/AVP"): string {
  return `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} ${protocol} 8\r\n${more}`;
}

/** Where an SDP of the daemon says that media goes. */
export function target(reply: NgDictionary): Endpoint {
  const text = String(reply["sdp"]);
  const port = Number(/^m=audio ([0-9]+) /m.exec(text)?.[1]);
  if (!(port >= PORTS.first && port <= PORTS.last)) throw new Error(`not the daemon's port:\n${JSON.stringify(reply)}`);
  return { address: HOST, port };
}

export interface CallOptions {
  readonly offer?: { readonly sdp?: string } & { readonly [key: string]: NgValue };
  /** False: never answered. */
  readonly answer?: false | ({ readonly sdp?: string } & { readonly [key: string]: NgValue });
}

export interface PlacedCall {
  readonly callId: string;
  /** Where each party sends to. The caller's is known from the query when nobody answered. */
  readonly forCaller: Endpoint;
  readonly forCallee: Endpoint;
}

export async function place(
  { ng }: BrokenHost,
  callId: string,
  caller: Endpoint,
  callee: Endpoint,
  { offer = {}, answer = {} }: CallOptions = {},
): Promise<PlacedCall> {
  const ids = { "call-id": callId, "from-tag": "caller" };
  const offered = await ng.request({ command: "offer", sdp: sdp(caller), ...ids, ...offer });
  const forCallee = target(offered);
  if (answer === false) {
    const reply = await ng.request({ command: "query", "call-id": callId });
    const port = pick(reply, "tags", "caller", "medias", 0, "streams", 0, "local port");
    return { callId, forCallee, forCaller: { address: HOST, port: Number(port) } };
  }
  const answered = await ng.request({ command: "answer", sdp: sdp(callee), ...ids, "to-tag": "callee", ...answer });
  const rejected = /^m=audio 0 /m.test(String(answered["sdp"]));
  return { callId, forCallee, forCaller: rejected ? { address: HOST, port: 0 } : target(answered) };
}

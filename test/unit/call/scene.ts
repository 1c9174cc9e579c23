/** A small world around the call core: fake clock, counting port source, counters under the test's control. */
import type { Endpoint, Family } from "../../../src/address.ts";
import type { Directives } from "../../../src/call/directives.ts";
import type { DtlsEnvironment } from "../../../src/call/dtls-transport.ts";
import type { CallSettings } from "../../../src/call/settings.ts";
import { CallState } from "../../../src/call/state.ts";
import {
  type CallEvent,
  type CommandReply,
  type Context,
  type Effect,
  type Outcome,
  transition,
} from "../../../src/call/transition.ts";
import { DtlsAdmission } from "../../../src/media/dtls/admission.ts";
import { generateCertificate } from "../../../src/media/dtls/certificate.ts";
import { DtlsCookies } from "../../../src/media/dtls/cookies.ts";
import { newDtlsCounters } from "../../../src/media/dtls/counters.ts";
import { decodeRequest } from "../../../src/ng/flags.ts";
import { NgDict } from "../../../src/ng/value.ts";
import { DROP_REASONS, type StreamCounters, type StreamSpec } from "../../../src/planes/plane.ts";
import type { InterfaceAddress, LocalSocket, PortFailure, PortSource } from "../../../src/relay/ports.ts";

export function interfaceAddress(
  name: string,
  advertised: string,
  family: Family = 4,
  local = advertised,
): InterfaceAddress {
  return { interface: name, family, local, advertised, portMin: 30_000, portMax: 39_999, excludePorts: new Set() };
}

const V4 = interfaceAddress("default", "198.51.100.7");
const V6 = interfaceAddress("default", "2001:db8::7", 6);

export const SETTINGS: CallSettings = {
  interfaces: { interfaces: [{ name: "default", addresses: [V4, V6] }], aliases: new Map() },
  timeout: 60,
  silentTimeout: 3600,
  offerTimeout: 3600,
  finalTimeout: 0,
  deleteDelay: 30,
  endpointLearning: "heuristic",
  tos: 184,
  sipSource: false,
  saveInterfacePorts: false,
  dtlsPassive: false,
  rejectInvalidSdp: false,
  maxSessions: -1,
  maxCpu: 0,
  maxLoad: 0,
  maxBandwidth: 0,
  ssrcReporting: "full",
  mohAttrName: undefined,
  instanceId: "0123456789ab",
  softwareId: "sluice",
};

const DEFAULTS: Directives = {
  command: "offer",
  callId: undefined,
  fromTag: undefined,
  toTag: undefined,
  viaBranch: undefined,
  fromTags: [],
  label: undefined,
  toLabel: undefined,
  setLabel: undefined,
  address: undefined,
  aliasKey: "none",
  metadata: undefined,
  sdp: undefined,
  receivedFrom: undefined,
  sipMessageType: undefined,
  sipCode: undefined,
  supportsLoadLimit: false,
  xmlrpcCallback: undefined,
  limit: undefined,
  fromInterface: undefined,
  toInterface: undefined,
  mediaAddress: undefined,
  addressFamily: undefined,
  transport: undefined,
  learning: undefined,
  mediaEcho: undefined,
  dropTraffic: undefined,
  passthrough: undefined,
  tos: undefined,
  deleteDelay: undefined,
  ice: "default",
  iceLite: undefined,
  trickle: false,
  ice2: false,
  dtls: undefined,
  dtlsFingerprint: undefined,
  sdes: [],
  osrtp: [],
  rtcpMux: new Set(),
  bundle: new Set(),
  extmapStrip: [],
  extmapMask: [],
  generateRtcp: undefined,
  replace: new Set(),
  sdpAttr: new Map(),
  sdpMediaRemove: new Set(),
  ptime: undefined,
  ptimeReverse: undefined,
  codec: { strip: [], offer: [], except: [], ignore: [], mask: [], transcode: [], accept: [], consume: [], set: [] },
  t38: [],
  recordCall: undefined,
  all: undefined,
  flags: new Set(),
  extra: new Map(),
};

export function directives(given: Partial<Directives>): Directives {
  return { ...DEFAULTS, ...given };
}

/** What a proxy's flag string asks for, as Kamailio's and OpenSIPS' scripts have it. */
export function flags(text: string, command = "offer"): Partial<Directives> {
  const decoded = decodeRequest(command, new NgDict([["rtpp-flags", text]]));
  if (decoded.error !== undefined) throw new Error(decoded.error);
  const unknown = decoded.notes.filter(({ kind }) => kind === "unknown-flag" || kind === "unknown-key");
  if (unknown.length > 0) throw new Error(unknown.map((note) => note.text).join());
  const given = Object.entries(decoded.directives).filter(([key, value]) => value !== undefined && key !== "command");
  return Object.fromEntries(given);
}

/** Text with CRLF line ends; leading blanks of lines are layout of the test. */
export function sdp(text: string): string {
  const lines = text
    .trim()
    .split("\n")
    .map((line) => line.trim());
  return `${lines.join("\r\n")}\r\n`;
}

/** Ports in ascending order from 30000, pairs even; nothing is ever opened. */
export class FakePorts implements PortSource {
  readonly open = new Map<number, LocalSocket>();
  readonly tos = new Map<number, number>();
  /** Sockets that may still be had; then `failure`. */
  budget = Number.POSITIVE_INFINITY;
  failure: PortFailure = { kind: "exhausted", message: "all 10000 ports are in use" };
  readonly requests: { address: InterfaceAddress; count: 1 | 2; tos: number; affinity: number }[] = [];
  private nextId = 1;
  private readonly nextPort = new Map<InterfaceAddress, number>();

  acquire(
    address: InterfaceAddress,
    count: 1 | 2,
    { tos, affinity }: { readonly tos: number; readonly affinity: number },
  ): readonly LocalSocket[] | PortFailure {
    this.requests.push({ address, count, tos, affinity });
    if (this.budget < count) return this.failure;
    this.budget -= count;
    let port = this.nextPort.get(address) ?? address.portMin;
    if (port % 2 !== 0) port += 1;
    const sockets: LocalSocket[] = [];
    for (let i = 0; i < count; i++) {
      const socket = { id: this.nextId++, address, port: port + i };
      sockets.push(socket);
      this.open.set(socket.id, socket);
      this.tos.set(socket.id, tos);
    }
    this.nextPort.set(address, port + 2);
    return sockets;
  }

  release(sockets: readonly LocalSocket[]): void {
    for (const { id } of sockets) {
      if (!this.open.delete(id)) throw new Error(`socket ${id} released twice`);
      this.budget += 1;
    }
  }

  setTos(sockets: readonly LocalSocket[], tos: number): void {
    for (const { id } of sockets) this.tos.set(id, tos);
  }
}

const NO_DROPS = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as StreamCounters["drops"];

export const NO_PACKETS: StreamCounters = {
  packetsIn: 0,
  bytesIn: 0,
  errorsIn: 0,
  packetsOut: 0,
  bytesOut: 0,
  errorsOut: 0,
  drops: NO_DROPS,
  lastPacketAt: 0,
  endpoint: undefined,
  confirmed: false,
  ssrc: undefined,
  payloadType: undefined,
  highestSequence: 0,
  lost: 0,
  duplicates: 0,
  reordered: 0,
  lastTimestamp: 0,
  jitter: 0,
  tos: undefined,
};

export const PEER = "127.0.0.1:41523";

const CERTIFICATE = await generateCertificate(
  { commonName: "sluice", cipher: "prime256v1", rsaKeySize: 2_048, signature: "SHA-256" },
  1_767_225_600_000,
  { bytes: (count) => new Uint8Array(count).fill(0x55) },
);

/** The daemon as far as the core can tell. Effects are carried out on the fakes and remembered. */
export class Scene {
  readonly state: CallState;
  readonly ports = new FakePorts();
  readonly specs = new Map<number, StreamSpec>();
  readonly counters = new Map<number, Partial<StreamCounters>>();
  /** Unix ms. */
  now = 1_767_225_600_000;
  load = { cpuPercent: 0, loadAverage: 0, bytesPerSecond: 0 };
  effects: readonly Effect[] = [];
  /** Datagrams of our own since the last look. */
  readonly sent: Extract<Effect, { kind: "send" }>[] = [];
  /** Datagrams that nobody received. */
  readonly dropped: { readonly to: Endpoint; readonly data: Uint8Array }[] = [];
  readonly dtls: DtlsEnvironment;
  private draws = 0;
  readonly random = {
    bytes: (count: number) => {
      this.draws += 1;
      return new Uint8Array(count).fill(this.draws & 255);
    },
  };

  constructor(settings: Partial<CallSettings> = {}) {
    this.state = new CallState({ ...SETTINGS, ...settings }, this.now);
    this.dtls = {
      certificate: CERTIFICATE,
      cookies: new DtlsCookies(this.random),
      admission: new DtlsAdmission(this.now),
      counters: newDtlsCounters(),
      mtu: 1_200,
    };
  }

  get context(): Context {
    const none = { packets: 0, bytes: 0, errors: 0 };
    return {
      now: this.now,
      random: this.random,
      dtls: this.dtls,
      ports: this.ports,
      streams: {
        counters: (socket) => ({ ...NO_PACKETS, ...this.counters.get(socket) }),
        lastPacketAt: (socket) => this.counters.get(socket)?.lastPacketAt ?? 0,
        totals: () => ({ user: none, kernel: none }),
      },
      load: this.load,
    };
  }

  happen(event: CallEvent): Outcome {
    const outcome = transition(this.state, event, this.context);
    this.effects = outcome.effects;
    for (const effect of outcome.effects) {
      if (effect.kind === "apply") for (const spec of effect.specs) this.applySpec(spec);
      else if (effect.kind === "close") {
        this.ports.release(effect.sockets);
        for (const { id } of effect.sockets) this.specs.delete(id);
      } else if (effect.kind === "send") {
        if (!this.ports.open.has(effect.socket))
          throw new Error(`sent from socket ${effect.socket}, which is not open`);
        this.sent.push(effect);
      }
    }
    return outcome;
  }

  /** A datagram reaches one of our sockets; what the relay would do with it is in its spec. */
  arrive(local: Endpoint, source: Endpoint, data: Uint8Array): void {
    for (const socket of this.ports.open.values()) {
      if (socket.port !== local.port || socket.address.advertised !== local.address) continue;
      const { handUp } = this.specs.get(socket.id) ?? {};
      const stun = data[0]! < 4;
      if (!handUp || !(stun ? handUp.stun : handUp.dtls)) return;
      this.happen({ kind: "plane", event: { kind: "packet", socket: socket.id, source, data } });
      return;
    }
  }

  private applySpec(spec: StreamSpec): void {
    if (!this.ports.open.has(spec.socket)) throw new Error(`spec for socket ${spec.socket}, which is not open`);
    this.specs.set(spec.socket, spec);
  }

  command(given: Partial<Directives>): CommandReply {
    const { reply } = this.happen({ kind: "command", directives: directives(given), peer: PEER });
    if (!reply) throw new Error("a command got no reply");
    return reply;
  }

  /** The SDP of an offer's reply. */
  offer(text: string, given: Partial<Directives> = {}): string {
    return this.text({ command: "offer", callId: "call", fromTag: "A", sdp: sdp(text), ...given });
  }

  answer(text: string, given: Partial<Directives> = {}): string {
    return this.text({ command: "answer", callId: "call", fromTag: "A", toTag: "B", sdp: sdp(text), ...given });
  }

  private text(given: Partial<Directives>): string {
    const reply = this.command(given);
    if (!reply.ok) throw new Error(`${given.command} refused: ${reply.reason} (${reply.detail ?? ""})`);
    const { body } = reply;
    if (typeof body["sdp"] !== "string") throw new Error("the reply has no SDP");
    return body["sdp"];
  }

  /** Time passes, a tick each second. */
  pass(seconds: number): Effect[] {
    const all: Effect[] = [];
    for (let i = 0; i < seconds; i++) {
      this.now += 1000;
      if ((this.state.timers.next ?? Number.POSITIVE_INFINITY) <= this.now)
        all.push(...this.happen({ kind: "timer" }).effects);
      all.push(...this.happen({ kind: "tick" }).effects);
    }
    return all;
  }

  logs(effects: readonly Effect[] = this.effects): string[] {
    const lines: string[] = [];
    for (const effect of effects) if (effect.kind === "log") lines.push(effect.message);
    return lines;
  }

  /** What the socket with this port on `address` has to do. */
  spec(port: number, address = "198.51.100.7"): StreamSpec {
    for (const socket of this.ports.open.values()) {
      if (socket.port === port && socket.address.advertised === address) {
        const spec = this.specs.get(socket.id);
        if (spec) return spec;
      }
    }
    throw new Error(`no socket on port ${port}`);
  }

  /** Ports of the sockets with these ids. */
  portsOf(sockets: readonly number[]): number[] {
    return sockets.map((id) => this.ports.open.get(id)?.port ?? -1);
  }

  received(port: number, counters: Partial<StreamCounters>): void {
    const { socket } = this.spec(port);
    this.counters.set(socket, { lastPacketAt: this.now, ...this.counters.get(socket), ...counters });
  }
}

export const ALICE = `
  v=0
  o=alice 100 1 IN IP4 192.0.2.10
  s=call
  c=IN IP4 192.0.2.10
  t=0 0
  m=audio 4000 RTP/AVP 8 0
`;

export const BOB = `
  v=0
  o=bob 7 7 IN IP4 192.0.2.30
  s=call
  c=IN IP4 192.0.2.30
  t=0 0
  m=audio 6000 RTP/AVP 8
`;

/** Lines of a text that begin with one of these. */
export function lines(text: string, ...beginnings: string[]): string[] {
  return text.split("\r\n").filter((line) => beginnings.some((beginning) => line.startsWith(beginning)));
}

/** Everything that is remembered, as text: equal texts, equal states. */
export function fingerprint({ state }: Scene): string {
  const known = new Map<object, string>();
  return JSON.stringify([...state.calls.values()], (_key, value: unknown) => {
    if (value instanceof Map) return [...value];
    if (value instanceof Set) return [...value];
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const name = known.get(value);
    if (name !== undefined) return name;
    known.set(value, `#${known.size}`);
    return value;
  });
}

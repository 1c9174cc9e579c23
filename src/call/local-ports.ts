/** Takes and keeps local ports for the sections of one request. */
import type { Endpoint } from "../address.ts";
import { MAX_RETIRED_PORTS } from "../limits.ts";
import type { InterfaceAddress, LocalSocket, PortFailure } from "../relay/ports.ts";
import { type Call, drop, type MediaSection, type PortSet, type StreamPair } from "./call.ts";
import type { Outbox } from "./outbox.ts";
import { isZero } from "./reception.ts";

function isFailure(result: readonly LocalSocket[] | PortFailure): result is PortFailure {
  return !Array.isArray(result);
}

export class LocalPorts {
  private readonly taken: { readonly section: MediaSection; readonly set: PortSet }[] = [];
  private readonly takenBeside: { readonly set: PortSet; readonly pair: StreamPair }[] = [];
  /** Why there was no port, and where. */
  refused: { readonly failure: PortFailure; readonly address: InterfaceAddress } | undefined;

  constructor(
    private readonly call: Call,
    private readonly out: Outbox,
  ) {}

  /**
   * Sees to it that `section` has ports on `address`: the present ones where they still fit, else the ones it showed for
   * the same peer before, else new ones. `peer` is where the other party has its media; when that changes, so do the
   * ports, unless `latch`. False when no port was had: see {@link refused}.
   */
  ensure(
    section: MediaSection,
    address: InterfaceAddress,
    count: 1 | 2,
    peer: Endpoint | undefined,
    latch: boolean,
  ): boolean {
    const current = section.ports;
    const fits = (set: PortSet) =>
      sameAddress(set.rtp.socket.address, address) && (count === 1 || set.rtcp !== undefined);
    if (current && fits(current)) {
      if (latch || !peer || !current.peer || samePeer(current.peer, peer)) {
        if (peer) current.peer = peer;
        return true;
      }
      const earlier = section.retired.findIndex((set) => fits(set) && set.peer && samePeer(set.peer, peer));
      if (earlier >= 0) {
        section.ports = section.retired.splice(earlier, 1)[0];
        this.retire(section, current);
        return true;
      }
    }
    const set = this.acquire(section, address, count, peer);
    if (!set) return false;
    section.ports = set;
    if (current) this.retire(section, current);
    return true;
  }

  /** For ICE: sockets on the other addresses of the interface. One that cannot be had is one candidate less. */
  ensureOthers(section: MediaSection): void {
    const set = section.ports;
    const { interface: chosen } = section.leg;
    if (!set || !chosen || this.out.state.settings.saveInterfacePorts) return;
    const count = section.muxAgreed || !set.rtcp ? 1 : 2;
    const used = [set, ...set.others].map(({ rtp }) => rtp.socket.address.local);
    for (const address of chosen.addresses) {
      if (used.includes(address.local)) continue;
      const pair = this.open(section, address, count);
      if (!pair) continue;
      set.others.push(pair);
      this.takenBeside.push({ set, pair });
    }
  }

  private acquire(
    section: MediaSection,
    address: InterfaceAddress,
    count: 1 | 2,
    peer: Endpoint | undefined,
  ): PortSet | undefined {
    const pair = this.open(section, address, count);
    if (!pair) return undefined;
    const set: PortSet = { ...pair, others: [], peer };
    this.taken.push({ section, set });
    return set;
  }

  private open(section: MediaSection, address: InterfaceAddress, count: 1 | 2): StreamPair | undefined {
    const { state, context } = this.out;
    const { tos, affinity } = this.call;
    const result = context.ports.acquire(address, count, { tos, affinity });
    if (isFailure(result)) {
      this.refused = { failure: result, address };
      state.portFailures[result.kind] += 1;
      this.out.log(
        "error",
        this.call.id,
        `Failed to get ${count} consecutive ports on interface ${address.interface} for media relay ` +
          `(${portFailureText(result, address)})`,
      );
      return undefined;
    }
    const [rtp, rtcp] = result;
    return {
      rtp: state.opened(section, "rtp", rtp!, context),
      rtcp: rtcp && state.opened(section, "rtcp", rtcp, context),
    };
  }

  private retire(section: MediaSection, set: PortSet): void {
    section.retired.unshift(set);
    while (section.retired.length > MAX_RETIRED_PORTS) this.out.close(this.call, section.retired.pop()!);
  }

  /** Gives back what this request took; nothing was put in force on these sockets yet. */
  giveBack(): void {
    const { state, context } = this.out;
    const release = ({ rtp, rtcp }: StreamPair) => {
      state.closed(rtp);
      if (rtcp) state.closed(rtcp);
      context.ports.release(rtcp ? [rtp.socket, rtcp.socket] : [rtp.socket]);
    };
    for (const { set, pair } of this.takenBeside) {
      drop(set.others, pair);
      release(pair);
    }
    for (const { section, set } of this.taken) {
      if (section.ports === set) section.ports = undefined;
      const at = section.retired.indexOf(set);
      if (at >= 0) section.retired.splice(at, 1);
      release(set);
    }
    this.taken.length = 0;
    this.takenBeside.length = 0;
  }
}

/** Without ICE only the sockets that `c=` and `m=` show are of use. */
export function closeOthers(section: MediaSection, out: Outbox): void {
  for (const set of section.portSets()) {
    for (const { rtp, rtcp } of set.others.splice(0)) {
      out.closeStream(section.leg.call, rtp);
      if (rtcp) out.closeStream(section.leg.call, rtcp);
    }
  }
}

/** By content: a reload brings new objects for the same addresses. */
function sameAddress(a: InterfaceAddress, b: InterfaceAddress): boolean {
  return a === b || (a.local === b.local && a.interface === b.interface && a.advertised === b.advertised);
}

/** All ports of a section are closed: it was rejected. */
export function closePorts(section: MediaSection, out: Outbox): void {
  if (section.ports) out.close(section.leg.call, section.ports);
  for (const set of section.retired) out.close(section.leg.call, set);
  section.ports = undefined;
  section.retired.length = 0;
}

/** On hold the address is zero and only the port tells whether it is still the same stream. */
function samePeer(a: Endpoint, b: Endpoint): boolean {
  if (a.port !== b.port) return false;
  return a.address === b.address || isZero(a.address) || isZero(b.address);
}

/** Why there was no port, as one sentence: the reply's literal text is the same for every failure. */
export function portFailureText({ kind, message }: PortFailure, address: InterfaceAddress): string {
  const where = `${address.local} (interface ${address.interface})`;
  const range = `${address.portMin}-${address.portMax}`;
  switch (kind) {
    case "exhausted":
      return `no port of ${range} is left on ${where}: ${message}`;
    case "EADDRNOTAVAIL":
      return `the address ${where} does not exist on this host: ${message}`;
    case "EADDRINUSE":
      return `other programs hold the remaining ports ${range} of ${where}: ${message}`;
    case "EMFILE":
      return `the limit of open files is reached: ${message}`;
    case "EACCES":
      return `binding on ${where} is not permitted: ${message}`;
    case "ENOBUFS":
      return `the system has no memory for another socket: ${message}`;
    case "table-full":
      return `no room for another socket: ${message}`;
    case "other":
      return `no socket on ${where}: ${message}`;
  }
}

/**
 * Candidates: what an address is called and how much it is liked (RFC 8445 section 5.1, RFC 8839 section 5.1).
 */
import { createHmac } from "node:crypto";
import type { Endpoint } from "../../address.ts";
import { addressBytes, canonicalAddress, familyOf, isZeroAddress } from "../../address.ts";

/** 1 = RTP (or everything, with rtcp-mux), 2 = RTCP. */
export type Component = 1 | 2;

export type CandidateType = "host" | "srflx" | "prflx" | "relay";

/** One UDP candidate, with the fields of an `a=candidate` line. */
export interface IceCandidate {
  readonly foundation: string;
  readonly component: number;
  /** 32 bits, unsigned. */
  readonly priority: number;
  readonly endpoint: Endpoint;
  readonly type: CandidateType;
  readonly related: Endpoint | undefined;
}

/** One of our own candidates with the socket behind it. */
export interface LocalCandidate extends IceCandidate {
  readonly component: Component;
  /** The media socket (the plane's id) from which this candidate's checks and media are sent. */
  readonly socket: number;
  /** Where the socket is bound; differs from `endpoint` when another address is advertised. */
  readonly base: Endpoint;
}

/** RFC 8445 section 5.1.2.2, with 0 for relays. */
export const TYPE_PREFERENCE: Readonly<Record<CandidateType, number>> = { host: 126, prflx: 110, srflx: 100, relay: 0 };

/**
 * Priority by RFC 8445 section 5.1.2.1. The local preference is 65535 minus the position of the address among all addresses
 * of its logical interface.
 */
export function candidatePriority(type: CandidateType, interfaceIndex: number, component: number): number {
  const localPreference = Math.max(0, 65_535 - interfaceIndex);
  return TYPE_PREFERENCE[type] * 2 ** 24 + localPreference * 2 ** 8 + (256 - component);
}

/** The priority our peer should give to a peer-reflexive candidate it learns from this one's checks (section 7.1.1). */
export function prflxPriority(candidate: IceCandidate): number {
  return TYPE_PREFERENCE.prflx * 2 ** 24 + (candidate.priority & 0x00ffffff);
}

/**
 * A priority just below the lowest the client gave to its own candidates of this type and component, for the case that our
 * candidate is added to a client's list; the plain priority when the client has none.
 */
export function priorityBelow(
  client: readonly IceCandidate[],
  type: CandidateType,
  interfaceIndex: number,
  component: number,
): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const other of client) {
    if (other.type === type && other.component === component) lowest = Math.min(lowest, other.priority);
  }
  if (lowest === Number.POSITIVE_INFINITY) return candidatePriority(type, interfaceIndex, component);
  return Math.max(1, lowest - 1 - interfaceIndex);
}

const FOUNDATION_SIZE = 16;
const ICE_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * Foundation of all candidates with this local address: 16 ICE characters, the same as long as `secret` is. With a random
 * secret per process it tells nobody the address behind it.
 */
export function foundationOf(secret: Uint8Array, localAddress: string): string {
  const digest = createHmac("sha256", secret).update(localAddress).digest();
  let text = "";
  for (let i = 0; i < FOUNDATION_SIZE; i++) text += ICE_CHARS[digest[i]! % ICE_CHARS.length];
  return text;
}

/** One address of a logical interface with the sockets opened on it for one section. */
export interface CandidateSource {
  /** Bound address, canonical. */
  readonly local: string;
  /** Address shown to the peer, canonical. */
  readonly advertised: string;
  /** By component: RTP, then RTCP unless muxed. Empty if nothing was opened here: the address still counts for priorities. */
  readonly sockets: readonly { readonly id: number; readonly port: number }[];
}

/**
 * Our candidates for one section, in the order they are printed: component 1 over all addresses, then component 2.
 * `type` relay is for `ICE=force-relay`: candidates that claim to be a TURN server's, with their own address as the related one.
 */
export function localCandidates(
  sources: readonly CandidateSource[],
  foundationSecret: Uint8Array,
  type: "host" | "relay" = "host",
): LocalCandidate[] {
  const list: LocalCandidate[] = [];
  for (const component of [1, 2] as const) {
    sources.forEach((source, index) => {
      const socket = source.sockets[component - 1];
      if (!socket) return;
      const endpoint = { address: source.advertised, port: socket.port };
      list.push({
        foundation: foundationOf(foundationSecret, source.local),
        component,
        priority: candidatePriority(type, index, component),
        endpoint,
        type,
        related: type === "relay" ? endpoint : undefined,
        socket: socket.id,
        base: { address: source.local, port: socket.port },
      });
    });
  }
  return list;
}

/** Value of an `a=candidate:` line. */
export function formatCandidate(candidate: IceCandidate): string {
  const { foundation, component, priority, endpoint, type, related } = candidate;
  const line = `${foundation} ${component} UDP ${priority} ${endpoint.address} ${endpoint.port} typ ${type}`;
  return related ? `${line} raddr ${related.address} rport ${related.port}` : line;
}

/**
 * The candidate with its address in canonical form, or undefined if nothing can be sent to it: no address (a name), the
 * wildcard, multicast or broadcast, or no port.
 */
export function usableCandidate(candidate: IceCandidate): IceCandidate | undefined {
  const { endpoint, component, priority } = candidate;
  const address = canonicalAddress(endpoint.address);
  if (address === undefined || isZeroAddress(address) || isMulticast(address)) return undefined;
  if (!Number.isInteger(endpoint.port) || endpoint.port < 1 || endpoint.port > 65_535) return undefined;
  if (component !== 1 && component !== 2) return undefined;
  if (!Number.isFinite(priority)) return undefined;
  return { ...candidate, priority: priority >>> 0, endpoint: { address, port: endpoint.port } };
}

/** RFC 8445 section 6.1.2.2: same family, and link-local IPv6 only with link-local IPv6. */
export function mayPair(local: LocalCandidate, remote: IceCandidate): boolean {
  if (local.component !== remote.component) return false;
  const from = local.base.address;
  const to = remote.endpoint.address;
  return familyOf(from) === familyOf(to) && isLinkLocalIPv6(from) === isLinkLocalIPv6(to);
}

function isLinkLocalIPv6(address: string): boolean {
  const bytes = address.includes(":") ? addressBytes(address) : undefined;
  return bytes !== undefined && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

function isMulticast(address: string): boolean {
  const bytes = addressBytes(address)!;
  return bytes.length === 4
    ? bytes[0]! >= 224 && (bytes[0]! < 240 || bytes.every((b) => b === 255))
    : bytes[0] === 0xff;
}

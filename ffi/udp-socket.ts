/**
 * UDP sockets of our own: bound, never connected, never with IP_RECVERR, so that what happens to one peer (an ICMP error)
 * is invisible to the others. Sockets are non-blocking and not inherited.
 *
 * Memory: one arena for socket addresses and option values and one for a datagram to send, for the life of the thread. Descriptors belong to the caller.
 */
import { type Endpoint, familyOf, formatEndpoint } from "../src/address.ts";
import {
  AF_INET,
  AF_INET6,
  EAFNOSUPPORT,
  EINVAL,
  errno,
  IP_MTU_DISCOVER,
  IP_PKTINFO,
  IP_TOS,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_MTU_DISCOVER,
  IPV6_RECVPKTINFO,
  IPV6_TCLASS,
  IPV6_V6ONLY,
  libc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  PMTUDISC_DONT,
  PMTUDISC_WANT,
  SO_INCOMING_CPU,
  SO_MEMINFO,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from "./libc.ts";
import { type Arena, mapArena } from "./memory.ts";
import { decodeSockaddr, encodeSockaddr, SOCKADDR_SPACE } from "./sockaddr.ts";

export interface UdpOptions {
  /** Whole TOS or traffic-class byte; 0 = leave the system's default. */
  readonly tos: number;
  /** SO_RCVBUF in bytes (the kernel doubles it and caps it at net.core.rmem_max); 0 = leave it. */
  readonly receiveBuffer: number;
  /** Deliver the local address of each datagram as a control message. */
  readonly packetInfo?: boolean;
  /** CPU that is to serve this socket (SO_INCOMING_CPU), a hint to the system. */
  readonly incomingCpu?: number;
  /** `want`: probe the path MTU (DF set), `dont`: let routers fragment. Default: the system's. */
  readonly pmtu?: "want" | "dont";
}

/** What could not be done, for the sentence in a {@link SystemError}. */
export interface Refusal {
  readonly operation: string;
  readonly errno: number;
}

const OPTION_AT = SOCKADDR_SPACE;
const LENGTH_AT = SOCKADDR_SPACE + 8;

const MEMINFO_AT = 64;
const MEMINFO_WORDS = 9;

interface Scratch {
  readonly arena: Arena;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}
let cached: Scratch | undefined;
/** Payload of {@link sendDatagram}; STUN and DTLS stay below. */
const MAX_DATAGRAM = 65_536;
let outgoing: { readonly arena: Arena; readonly bytes: Uint8Array } | undefined;

function datagram(): { readonly arena: Arena; readonly bytes: Uint8Array } {
  if (outgoing) return outgoing;
  const arena = mapArena(MAX_DATAGRAM);
  outgoing = { arena, bytes: new Uint8Array(arena.view()) };
  return outgoing;
}

function scratch(): Scratch {
  if (cached) return cached;
  const arena = mapArena(128, { populate: true });
  const view = arena.view();
  cached = { arena, bytes: new Uint8Array(view), words: new Int32Array(view) };
  return cached;
}

/**
 * Opens and binds one socket; IPv6 sockets take IPv6 only. Returns the descriptor (>= 0), or a refusal with nothing left
 * open. Port 0 = any. Never throws.
 */
export function openUdpSocket(local: Endpoint, options: UdpOptions): number | Refusal {
  const family = familyOf(local.address);
  if (family === undefined) return { operation: `bind ${formatEndpoint(local)}`, errno: EINVAL };
  const fd = libc.socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return { operation: `open a socket for ${formatEndpoint(local)}`, errno: errno() };
  const refusal = prepare(fd, family, local, options);
  if (!refusal) return fd;
  libc.close(fd);
  return refusal;
}

function prepare(fd: number, family: 4 | 6, local: Endpoint, options: UdpOptions): Refusal | undefined {
  const what = formatEndpoint(local);
  const v4 = family === 4;
  if (!v4 && setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) {
    return { operation: `make ${what} IPv6 only`, errno: errno() };
  }
  const { arena, bytes } = scratch();
  const length = encodeSockaddr(bytes, 0, local);
  if (length === 0) return { operation: `bind ${what}`, errno: EAFNOSUPPORT };
  // Bound first: of all that can go wrong, the port being taken is what happens every day.
  if (libc.bind(fd, arena.address, length) < 0) return { operation: `bind ${what}`, errno: errno() };
  if (options.tos !== 0) {
    const failed = setTrafficClass(fd, family, options.tos);
    if (failed !== 0) return { operation: `set TOS ${options.tos} on ${what}`, errno: failed };
  }
  if (options.receiveBuffer > 0 && setOption(fd, SOL_SOCKET, SO_RCVBUF, options.receiveBuffer) < 0) {
    return { operation: `set the receive buffer of ${what}`, errno: errno() };
  }
  if (options.packetInfo) {
    const done = v4 ? setOption(fd, IPPROTO_IP, IP_PKTINFO, 1) : setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (done < 0) return { operation: `ask for local addresses on ${what}`, errno: errno() };
  }
  // A hint: a system that does not take it works as well.
  if (options.incomingCpu !== undefined) setOption(fd, SOL_SOCKET, SO_INCOMING_CPU, options.incomingCpu);
  if (options.pmtu) {
    const value = options.pmtu === "want" ? PMTUDISC_WANT : PMTUDISC_DONT;
    const done = v4
      ? setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, value)
      : setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, value);
    if (done < 0) return { operation: `set path MTU discovery of ${what}`, errno: errno() };
  }
  return undefined;
}

function setOption(fd: number, level: number, name: number, value: number): number {
  const { arena, words } = scratch();
  words[OPTION_AT >> 2] = value;
  return libc.setsockopt(fd, level, name, arena.address + OPTION_AT, 4);
}

/** IP_TOS or IPV6_TCLASS of an open socket. Returns 0 or the errno. */
export function setTrafficClass(fd: number, family: 4 | 6, tos: number): number {
  const done = family === 4 ? setOption(fd, IPPROTO_IP, IP_TOS, tos) : setOption(fd, IPPROTO_IPV6, IPV6_TCLASS, tos);
  return done < 0 ? errno() : 0;
}

/** A socket option's integer value, for tests and `doctor`; undefined when the system refuses. */
export function readOption(fd: number, level: number, name: number): number | undefined {
  const { arena, words } = scratch();
  words[OPTION_AT >> 2] = 0;
  words[LENGTH_AT >> 2] = 4;
  const done = libc.getsockopt(fd, level, name, arena.address + OPTION_AT, arena.address + LENGTH_AT);
  return done < 0 ? undefined : words[OPTION_AT >> 2]!;
}

/** Where a socket is bound to; undefined when it is no open socket. */
export function localEndpoint(fd: number): Endpoint | undefined {
  const { arena, bytes, words } = scratch();
  words[LENGTH_AT >> 2] = SOCKADDR_SPACE;
  if (libc.getsockname(fd, arena.address, arena.address + LENGTH_AT) < 0) return undefined;
  return decodeSockaddr(bytes, 0);
}

/**
 * Sends one datagram without waiting. Returns 0 or the errno: EAFNOSUPPORT when the destination is no address.
 * The bytes are copied; sizes beyond a datagram's are the system's to refuse.
 */
export function sendDatagram(fd: number, to: Endpoint, data: Uint8Array): number {
  const { arena, bytes } = scratch();
  const length = encodeSockaddr(bytes, 0, to);
  if (length === 0) return EAFNOSUPPORT;
  if (data.length === 0 || data.length > MAX_DATAGRAM) return EINVAL;
  const payload = datagram();
  payload.bytes.set(data);
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  return libc.sendto(fd, payload.arena.address, data.length, flags, arena.address, length) < 0 ? errno() : 0;
}

/**
 * Packets that the system dropped before anybody took them off this socket (SO_MEMINFO): its queue was full. 0 where the
 * system does not say (before Linux 4.12).
 */
export function queueDrops(fd: number): number {
  const { arena, words } = scratch();
  words[LENGTH_AT >> 2] = MEMINFO_WORDS * 4;
  const done = libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, arena.address + MEMINFO_AT, arena.address + LENGTH_AT);
  if (done < 0 || words[LENGTH_AT >> 2]! < MEMINFO_WORDS * 4) return 0;
  return words[(MEMINFO_AT >> 2) + MEMINFO_WORDS - 1]! >>> 0;
}

export function closeSocket(fd: number): void {
  libc.close(fd);
}

/**
 * The UDP socket of a control protocol (ng): datagrams of up to 64 KiB, each answered from the address it was sent to, so
 * that a wildcard listener on a host with several addresses works.
 *
 * Memory: one arena per socket (receive buffers, headers, one reply), released by `close` together with the descriptor.
 */
import { type Endpoint, isZeroAddress } from "../src/address.ts";
import {
  EAGAIN,
  EINTR,
  errno,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_PKTINFO,
  libc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
} from "./libc.ts";
import { mapArena } from "./memory.ts";
import { CMSGHDR, IN_PKTINFO, IN6_PKTINFO, IOVEC, MMSGHDR, MSGHDR, writeWord64 } from "./message-header.ts";
import { watchReadable } from "./reactor.ts";
import { decodeSockaddr, SOCKADDR_SPACE } from "./sockaddr.ts";
import { SystemError } from "./system-error.ts";
import { closeSocket, localEndpoint, openUdpSocket, setTrafficClass } from "./udp-socket.ts";

export interface ControlSocketOptions {
  readonly address: string;
  /** 0 = any free one; see {@link ControlSocket.port}. */
  readonly port: number;
  /** Whole TOS byte of replies. */
  readonly tos: number;
  readonly pmtu?: "want" | "dont";
}

export interface ControlSocket {
  readonly port: number;
  /** Replies the system did not take, datagrams that were not whole. */
  readonly sendErrors: number;
  readonly receiveErrors: number;
  /** TOS byte of replies from now on. */
  setTos(tos: number): void;
  close(): void;
}

/** Sends a reply to the sender of a datagram, also after the handler returned. Never throws; failures are counted. */
export type Reply = (data: Uint8Array) => void;

/** Largest UDP payload, rounded up. Bytes. */
const DATAGRAM = 65_536;
/** Datagrams taken per system call, and calls per turn of the event loop. */
const BATCH = 16;
const CALLS_PER_TURN = 4;
/** Room for one control message with packet info, and for the reply's. */
const CONTROL = 64;
/** A burst of requests from a proxy that restarts must fit; the kernel caps it at net.core.rmem_max. Bytes. */
const RECEIVE_BUFFER = 4 << 20;

/**
 * Opens the socket and starts to deliver.
 * @param onDatagram `data` is valid during the call only
 * @throws SystemError EADDRINUSE, EADDRNOTAVAIL, EACCES, … with the address in its sentence
 */
export function openControlSocket(
  options: ControlSocketOptions,
  onDatagram: (data: Uint8Array, peer: Endpoint, reply: Reply) => void,
): ControlSocket {
  const wildcard = isZeroAddress(options.address);
  const opened = openUdpSocket(options, {
    tos: options.tos,
    receiveBuffer: RECEIVE_BUFFER,
    packetInfo: wildcard,
    ...(options.pmtu && { pmtu: options.pmtu }),
  });
  if (typeof opened !== "number") throw new SystemError(opened.operation, opened.errno);
  const fd = opened;
  const port = localEndpoint(fd)?.port ?? options.port;

  // Layout: headers of the batch and of the reply side by side (recvmmsg wants an array), then for each of them iovec,
  // address and control message, then the data areas, whose pages are touched on use only.
  const SETS_AT = (BATCH + 1) * MMSGHDR.size;
  const SET = IOVEC.size + SOCKADDR_SPACE + CONTROL;
  const DATA_AT = 4_096;
  const arena = mapArena(DATA_AT + (BATCH + 1) * DATAGRAM);
  const base = arena.address;
  const bytes = new Uint8Array(arena.view());
  const words = new Int32Array(bytes.buffer);
  const headerAt = (index: number) => index * MMSGHDR.size;
  const iovAt = (index: number) => SETS_AT + index * SET;
  const nameAt = (index: number) => iovAt(index) + IOVEC.size;
  const controlAt = (index: number) => nameAt(index) + SOCKADDR_SPACE;
  const dataAt = (index: number) => DATA_AT + index * DATAGRAM;
  for (let i = 0; i <= BATCH; i++) {
    writeWord64(words, headerAt(i) + MSGHDR.name, base + nameAt(i));
    writeWord64(words, headerAt(i) + MSGHDR.iov, base + iovAt(i));
    writeWord64(words, headerAt(i) + MSGHDR.iovLength, 1);
    writeWord64(words, iovAt(i) + IOVEC.base, base + dataAt(i));
    writeWord64(words, iovAt(i) + IOVEC.length, DATAGRAM);
  }
  const REPLY = BATCH;

  let open = true;
  let sendErrors = 0;
  let receiveErrors = 0;

  function send(data: Uint8Array, name: Uint8Array, nameLength: number, control: Uint8Array | undefined): void {
    if (!open) return;
    if (data.length > DATAGRAM) {
      sendErrors++;
      return;
    }
    const at = headerAt(REPLY);
    bytes.set(data, dataAt(REPLY));
    bytes.set(name, nameAt(REPLY));
    words[(at + MSGHDR.nameLength) >> 2] = nameLength;
    writeWord64(words, iovAt(REPLY) + IOVEC.length, data.length);
    if (control) bytes.set(control, controlAt(REPLY));
    writeWord64(words, at + MSGHDR.control, control ? base + controlAt(REPLY) : 0);
    writeWord64(words, at + MSGHDR.controlLength, control ? control.length : 0);
    for (let tries = 0; tries < 3; tries++) {
      if (libc.sendmsg(fd, base + at, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
      // An error left over from earlier traffic is reported, and cleared, by the first call: the next one is ours.
      if (errno() === EAGAIN) break;
    }
    sendErrors++;
  }

  /** The control message that makes a reply leave from where the request came to; undefined where the socket says it. */
  function replyControl(index: number): Uint8Array | undefined {
    const end = controlAt(index) + words[(headerAt(index) + MSGHDR.controlLength) >> 2]!;
    for (let c = controlAt(index); c + CMSGHDR.size <= end; ) {
      const length = words[(c + CMSGHDR.length) >> 2]!;
      if (length < CMSGHDR.size || c + length > end) return undefined;
      const level = words[(c + CMSGHDR.level) >> 2]!;
      const type = words[(c + CMSGHDR.type) >> 2]!;
      const info = c + CMSGHDR.size;
      if (level === IPPROTO_IP && type === IP_PKTINFO) {
        const out = bytes.slice(c, c + align8(CMSGHDR.size + IN_PKTINFO.size));
        // Only the address counts: naming the interface would override routing.
        out.fill(0, CMSGHDR.size + IN_PKTINFO.interface, CMSGHDR.size + IN_PKTINFO.interface + 4);
        return out;
      }
      if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) {
        const out = bytes.slice(c, c + align8(CMSGHDR.size + IN6_PKTINFO.size));
        const linkLocal = bytes[info] === 0xfe && (bytes[info + 1]! & 0xc0) === 0x80;
        if (!linkLocal) {
          out.fill(0, CMSGHDR.size + IN6_PKTINFO.interface, CMSGHDR.size + IN6_PKTINFO.interface + 4);
        }
        return out;
      }
      c += align8(length);
    }
    return undefined;
  }

  function receive(): number {
    for (let i = 0; i < BATCH; i++) {
      const at = headerAt(i);
      words[(at + MSGHDR.nameLength) >> 2] = SOCKADDR_SPACE;
      writeWord64(words, at + MSGHDR.control, wildcard ? base + controlAt(i) : 0);
      writeWord64(words, at + MSGHDR.controlLength, wildcard ? CONTROL : 0);
      words[(at + MSGHDR.flags) >> 2] = 0;
    }
    return libc.recvmmsg(fd, base, BATCH, MSG_DONTWAIT, 0);
  }

  /** True when there may be more. */
  function drain(): boolean {
    for (let call = 0; call < CALLS_PER_TURN; call++) {
      const count = receive();
      if (count < 0) {
        const error = errno();
        if (error === EAGAIN) return false;
        if (error !== EINTR) receiveErrors++;
        continue;
      }
      for (let i = 0; i < count; i++) {
        const peer = decodeSockaddr(bytes, nameAt(i));
        if (!peer) {
          receiveErrors++;
          continue;
        }
        const nameLength = words[(headerAt(i) + MSGHDR.nameLength) >> 2]!;
        const name = bytes.slice(nameAt(i), nameAt(i) + SOCKADDR_SPACE);
        const control = wildcard ? replyControl(i) : undefined;
        const length = words[(headerAt(i) + MMSGHDR.length) >> 2]!;
        onDatagram(bytes.subarray(dataAt(i), dataAt(i) + length), peer, (reply) =>
          send(reply, name, nameLength, control),
        );
        if (!open) return false;
      }
      if (count < BATCH) return false;
    }
    return true;
  }

  let watch: { close(): void };
  try {
    watch = watchReadable(fd, drain);
  } catch (error) {
    closeSocket(fd);
    arena.release();
    throw error;
  }

  return {
    port,
    get sendErrors() {
      return sendErrors;
    },
    get receiveErrors() {
      return receiveErrors;
    },
    setTos(tos) {
      if (open) setTrafficClass(fd, options.address.includes(":") ? 6 : 4, tos);
    },
    close() {
      if (!open) return;
      open = false;
      watch.close();
      closeSocket(fd);
      arena.release();
    },
  };
}

function align8(length: number): number {
  return (length + 7) & ~7;
}

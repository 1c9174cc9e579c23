/**
 * Opens and closes the local media sockets: one {@link PortRange} per local address, a slot of the stream table for each
 * socket, and every refusal of the system told apart. Whatever fails, no descriptor, slot or port stays behind.
 */
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, EBADF, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM } from "../../ffi/libc.ts";
import { errorCode, SystemError } from "../../ffi/system-error.ts";
import { closeSocket, openUdpSocket, type Refusal, sendDatagram, setTrafficClass } from "../../ffi/udp-socket.ts";
import { type Endpoint, familyOf } from "../address.ts";
import { MAX_BIND_TRIES } from "../limits.ts";
import type { SocketId } from "../planes/plane.ts";
import { PortRange, type RandomSource } from "./port-range.ts";
import type { InterfaceAddress, LocalSocket, PortFailure, PortSource } from "./ports.ts";
import type { SocketSlots } from "./socket-slots.ts";

/** How sockets are had; replaced in tests of the system's refusals. */
export interface SocketOpener {
  open(local: Endpoint, tos: number): number | Refusal;
  close(fd: number): void;
}

export interface PortPoolOptions {
  readonly slots: SocketSlots;
  readonly random: RandomSource;
  /** SO_RCVBUF of media sockets in bytes; 0 = the system's default. Default 0. */
  readonly receiveBuffer?: number;
  /** CPUs that sockets are spread over by a hint (SO_INCOMING_CPU); 0 = no hint. Default 0. */
  readonly cpus?: number;
  readonly opener?: SocketOpener;
}

/** What one local address has given away, for `list interfaces` and metrics. Ports being closed count as used. */
export interface PortUsage {
  readonly local: string;
  readonly portMin: number;
  readonly portMax: number;
  readonly total: number;
  readonly used: number;
  readonly free: number;
  /** Binds that found the port taken by another program. */
  readonly conflicts: number;
  /** Requests that got no port. */
  readonly failures: number;
}

/**
 * Default SO_RCVBUF: the system's, 208 KiB on usual kernels. That holds five seconds of a voice call, or a video frame of 90
 * full packets, and saves a system call per socket; sites that need more raise net.core.rmem_default.
 */
const RECEIVE_BUFFER = 0;

interface Range {
  readonly ports: PortRange;
  readonly local: string;
  readonly portMin: number;
  readonly portMax: number;
  conflicts: number;
  failures: number;
}

interface OpenSocket {
  readonly fd: number;
  readonly range: Range;
  readonly socket: LocalSocket;
}

type FailureKind = PortFailure["kind"];

export class PortPool implements PortSource {
  readonly #slots: SocketSlots;
  readonly #random: RandomSource;
  readonly #opener: SocketOpener;
  readonly #ranges = new Map<string, Range>();
  readonly #open = new Map<SocketId, OpenSocket>();
  readonly #failures = new Map<FailureKind, number>();
  #opened = 0;

  constructor(options: PortPoolOptions) {
    this.#slots = options.slots;
    this.#random = options.random;
    const receiveBuffer = options.receiveBuffer ?? RECEIVE_BUFFER;
    const cpus = options.cpus ?? 0;
    this.#opener = options.opener ?? {
      open: (local, tos) =>
        openUdpSocket(local, { tos, receiveBuffer, ...(cpus > 0 && { incomingCpu: this.#opened++ % cpus }) }),
      close: closeSocket,
    };
  }

  acquire(
    address: InterfaceAddress,
    count: 1 | 2,
    { tos, affinity }: { readonly tos: number; readonly affinity: number },
  ): readonly LocalSocket[] | PortFailure {
    const range = this.#range(address);
    const available = count === 2 ? range.ports.pairs : range.ports.free;
    for (let tries = Math.min(MAX_BIND_TRIES, available); tries > 0; tries--) {
      const port = count === 2 ? range.ports.takePair() : range.ports.take();
      if (port === undefined) break;
      const opened = this.#bind(address.local, port, count, tos);
      if (Array.isArray(opened)) return this.#claim(opened, port, range, address, affinity);
      for (let i = 0; i < count; i++) range.ports.release(port + i);
      if (opened.errno !== EADDRINUSE) return this.#refused(range, opened);
      range.conflicts++;
      if (tries === 1) return this.#refused(range, opened);
    }
    const free = range.ports.free;
    const reason =
      range.ports.total === 0
        ? `no port in ${address.portMin}-${address.portMax} may be used`
        : free === 0
          ? `all ${range.ports.total} ports in ${address.portMin}-${address.portMax} are in use`
          : `${free} of ${range.ports.total} ports in ${address.portMin}-${address.portMax} are free, but no even/odd pair`;
    return this.#failure(range, "exhausted", reason);
  }

  release(sockets: readonly LocalSocket[]): void {
    for (const { id, port } of sockets) {
      const open = this.#open.get(id);
      if (open?.socket.port !== port) continue;
      this.#open.delete(id);
      this.#slots.retire(id, () => {
        this.#opener.close(open.fd);
        open.range.ports.release(port);
      });
    }
  }

  setTos(sockets: readonly LocalSocket[], tos: number): void {
    for (const { id, address } of sockets) {
      const open = this.#open.get(id);
      if (open) setTrafficClass(open.fd, address.family, tos);
    }
  }

  /** Sends one datagram (STUN, DTLS) from an open socket, past its worker. Returns 0 or the errno; EBADF: not open here. */
  sendFrom(id: SocketId, to: Endpoint, data: Uint8Array): number {
    const open = this.#open.get(id);
    return open ? sendDatagram(open.fd, to, data) : EBADF;
  }

  /** Every local address used so far, in order of first use. */
  usage(): readonly PortUsage[] {
    return Array.from(this.#ranges.values(), usageOf);
  }

  /** Usage of one address, known or not. */
  usageOf(address: InterfaceAddress): PortUsage {
    return usageOf(this.#range(address));
  }

  /** Requests that failed so far, by kind. */
  failures(): ReadonlyMap<FailureKind, number> {
    return this.#failures;
  }

  /** Sockets handed out and not released. */
  get openSockets(): number {
    return this.#open.size;
  }

  /** Releases every socket that is still open. */
  close(): void {
    this.release(Array.from(this.#open.values(), ({ socket }) => socket));
  }

  #range(address: InterfaceAddress): Range {
    const { local, portMin, portMax } = address;
    const key = `${local} ${portMin} ${portMax}`;
    let range = this.#ranges.get(key);
    if (!range) {
      const ports = new PortRange(portMin, portMax, address.excludePorts, this.#random);
      range = { ports, local, portMin, portMax, conflicts: 0, failures: 0 };
      this.#ranges.set(key, range);
    }
    return range;
  }

  /** All descriptors, or the first refusal with none left open. */
  #bind(local: string, port: number, count: number, tos: number): number[] | Refusal {
    const descriptors: number[] = [];
    for (let i = 0; i < count; i++) {
      const opened = this.#opener.open({ address: local, port: port + i }, tos);
      if (typeof opened === "number") descriptors.push(opened);
      else {
        for (const fd of descriptors) this.#opener.close(fd);
        return opened;
      }
    }
    return descriptors;
  }

  #claim(
    descriptors: readonly number[],
    port: number,
    range: Range,
    address: InterfaceAddress,
    affinity: number,
  ): readonly LocalSocket[] | PortFailure {
    const sockets: LocalSocket[] = [];
    const family = familyOf(address.local) ?? address.family;
    for (const [i, fd] of descriptors.entries()) {
      const id = this.#slots.claim(fd, family, affinity);
      if (id === undefined) {
        this.release(sockets);
        for (let rest = i; rest < descriptors.length; rest++) {
          this.#opener.close(descriptors[rest]!);
          range.ports.release(port + rest);
        }
        return this.#failure(range, "table-full", "the table of media sockets is full");
      }
      const socket: LocalSocket = { id, address, port: port + i };
      this.#open.set(id, { fd, range, socket });
      sockets.push(socket);
    }
    return sockets;
  }

  #refused(range: Range, { operation, errno }: Refusal): PortFailure {
    return this.#failure(range, kindOf(errno), new SystemError(operation, errno).message);
  }

  #failure(range: Range, kind: FailureKind, reason: string): PortFailure {
    range.failures++;
    this.#failures.set(kind, (this.#failures.get(kind) ?? 0) + 1);
    return { kind, message: reason };
  }
}

function usageOf({ ports, local, portMin, portMax, conflicts, failures }: Range): PortUsage {
  const { total, free } = ports;
  return { local, portMin, portMax, total, used: total - free, free, conflicts, failures };
}

function kindOf(errno: number): FailureKind {
  switch (errno) {
    case EADDRNOTAVAIL:
    case EADDRINUSE:
      return errorCode(errno) as "EADDRNOTAVAIL" | "EADDRINUSE";
    case EMFILE:
    case ENFILE:
      return "EMFILE";
    case EACCES:
    case EPERM:
      return "EACCES";
    case ENOBUFS:
    case ENOMEM:
      return "ENOBUFS";
    default:
      return "other";
  }
}

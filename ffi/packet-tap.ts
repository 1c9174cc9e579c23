/**
 * A look at the packets that reach this host's network devices, before any firewall: packet(7) with a filter in the kernel for
 * one UDP destination port, so that a busy host is not disturbed. Needs CAP_NET_RAW.
 *
 * Memory: one arena per tap for filter, packet and lengths, released by `close` together with the descriptor.
 */
import { addressFromBytes, type Endpoint } from "../src/address.ts";
import { errno, libc, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOL_SOCKET } from "./libc.ts";
import { mapArena } from "./memory.ts";
import { writeWord64 } from "./message-header.ts";
import { SystemError } from "./system-error.ts";

const AF_PACKET = 17;
const ETH_P_ALL = 3;
/** `struct sockaddr_ll`: family, protocol in network order, device 0 = all of them. */
const SOCKADDR_LL = { family: 0, protocol: 2, size: 20 } as const;
const SO_ATTACH_FILTER = 26;
const UDP = 17;
/** Enough for both IP headers and the ports. */
const SNAP = 128;

/** Layout of the arena: `struct sock_fprog` (length, pointer), the filter of 8-byte instructions, the packet. */
const FILTER_AT = 16;
const ADDRESS_AT = 224;
const PACKET_AT = 256;

export interface PacketTap {
  /** What came since the last call: how many, and from whom first. */
  read(): { readonly count: number; readonly source: Endpoint | undefined };
  close(): void;
}

/** @throws SystemError EPERM without CAP_NET_RAW */
export function openPacketTap(port: number): PacketTap {
  // Cooked packets begin with the IP header on every kind of device. No protocol yet: nothing must get in before the filter.
  const fd = libc.socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemError("listen on the network devices", errno());
  const arena = mapArena(4_096);
  const view = arena.view();
  const bytes = new Uint8Array(view);
  const data = new DataView(view);
  const filter = filterFor(port);
  data.setUint16(0, filter.length, true);
  writeWord64(new Int32Array(view), 8, arena.address + FILTER_AT);
  for (const [i, [code, ifTrue, ifFalse, value]] of filter.entries()) {
    const at = FILTER_AT + i * 8;
    data.setUint16(at, code, true);
    data.setUint8(at + 2, ifTrue);
    data.setUint8(at + 3, ifFalse);
    data.setUint32(at + 4, value, true);
  }
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    libc.close(fd);
    arena.release();
  };
  data.setUint16(ADDRESS_AT + SOCKADDR_LL.family, AF_PACKET, true);
  data.setUint16(ADDRESS_AT + SOCKADDR_LL.protocol, ETH_P_ALL, false);
  if (
    libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, arena.address, 16) < 0 ||
    libc.bind(fd, arena.address + ADDRESS_AT, SOCKADDR_LL.size) < 0
  ) {
    const failed = errno();
    close();
    throw new SystemError("filter the packets of the network devices", failed);
  }
  return {
    read() {
      let count = 0;
      let source: Endpoint | undefined;
      while (open) {
        const length = libc.recvfrom(fd, arena.address + PACKET_AT, SNAP, MSG_DONTWAIT, 0, 0);
        if (length < 0) break;
        count++;
        source ??= sourceOf(bytes.subarray(PACKET_AT, PACKET_AT + length));
      }
      return { count, source };
    },
    close,
  };
}

/** Classic BPF: (code, jump if true, jump if false, value). UDP to this port over IPv4, or IPv6 without extension headers. */
function filterFor(port: number): readonly (readonly [number, number, number, number])[] {
  const loadByte = 0x30;
  const loadHalf = 0x28;
  const loadHalfIndexed = 0x48;
  const headerLength = 0xb1;
  const and = 0x54;
  const equal = 0x15;
  const take = 0x06;
  return [
    [loadByte, 0, 0, 0],
    [and, 0, 0, 0xf0],
    [equal, 0, 5, 0x40],
    [loadByte, 0, 0, 9],
    [equal, 0, 9, UDP],
    [headerLength, 0, 0, 0],
    [loadHalfIndexed, 0, 0, 2],
    [equal, 5, 6, port],
    [equal, 0, 5, 0x60],
    [loadByte, 0, 0, 6],
    [equal, 0, 3, UDP],
    [loadHalf, 0, 0, 42],
    [equal, 0, 1, port],
    [take, 0, 0, SNAP],
    [take, 0, 0, 0],
  ];
}

function sourceOf(packet: Uint8Array): Endpoint | undefined {
  const six = packet[0]! >> 4 === 6;
  const ports = six ? 40 : (packet[0]! & 15) * 4;
  if (packet.length < ports + 4) return undefined;
  const address = addressFromBytes(six ? packet.slice(8, 24) : packet.slice(12, 16));
  return { address, port: (packet[ports]! << 8) | packet[ports + 1]! };
}

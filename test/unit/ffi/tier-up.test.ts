import { describe, expect, test } from "bun:test";
import { Epoll } from "../../../ffi/epoll.ts";
import { EventFd } from "../../../ffi/event-fd.ts";
import { EAGAIN, EPOLLIN, errno, libc, MSG_DONTWAIT } from "../../../ffi/libc.ts";
import { mapArena } from "../../../ffi/memory.ts";
import { encodeSockaddr, SOCKADDR_SPACE } from "../../../ffi/sockaddr.ts";
import { closeSocket, localEndpoint, openUdpSocket, queueDrops } from "../../../ffi/udp-socket.ts";

/** Enough for code to pass from interpreter through all compilers, with collections in between. */
const TIMES = 120_000;

describe("addresses given to the kernel stay good while code is compiled and memory is collected", () => {
  test("what is sent from an arena is what arrives in it", () => {
    const arena = mapArena(4_096);
    const bytes = new Uint8Array(arena.view());
    const words = new Int32Array(arena.view());
    const open = () => openUdpSocket({ address: "127.0.10.15", port: 0 }, { tos: 0, receiveBuffer: 0 }) as number;
    const [from, to] = [open(), open()];
    encodeSockaddr(bytes, 0, localEndpoint(to)!);
    const [SOURCE, LENGTH, OUT, IN] = [32, 64, 128, 1_024];
    const source = new Uint8Array(SOCKADDR_SPACE);
    encodeSockaddr(source, 0, localEndpoint(from)!);
    let wrong = 0;
    let garbage: unknown[] = [];
    for (let i = 0; i < TIMES; i++) {
      words[OUT >> 2] = i;
      words[(OUT >> 2) + 1] = ~i;
      words[LENGTH >> 2] = SOCKADDR_SPACE;
      if (libc.sendto(from, arena.address + OUT, 8, MSG_DONTWAIT, arena.address, 16) !== 8) wrong++;
      const got = libc.recvfrom(
        to,
        arena.address + IN,
        64,
        MSG_DONTWAIT,
        arena.address + SOURCE,
        arena.address + LENGTH,
      );
      if (got !== 8 || words[IN >> 2] !== i || words[(IN >> 2) + 1] !== ~i || words[LENGTH >> 2] !== 16) wrong++;
      if (bytes[SOURCE + 2] !== source[2] || bytes[SOURCE + 3] !== source[3]) wrong++;
      // errno must be this thread's, and of this very call, however the call is compiled.
      if (i % 16 === 0 && (libc.recvfrom(to, arena.address + IN, 64, MSG_DONTWAIT, 0, 0) !== -1 || errno() !== EAGAIN))
        wrong++;
      garbage.push({ i, copy: bytes.slice(0, 64) });
      if (i % 10_000 === 0) {
        garbage = [];
        Bun.gc(true);
      }
    }
    expect(wrong).toBe(0);
    expect(queueDrops(to)).toBe(0);
    closeSocket(from);
    closeSocket(to);
    arena.release();
  }, 30_000);

  test("eventfd and epoll carry their tokens", () => {
    const epoll = new Epoll(8);
    const events = [1, 2, 3].map(() => new EventFd());
    for (const [i, event] of events.entries()) expect(epoll.add(event.fd, EPOLLIN, i - 1)).toBe(0);
    let wrong = 0;
    for (let i = 0; i < TIMES; i++) {
      const event = events[i % 3]!;
      event.signal();
      if (epoll.wait(0) !== 1 || epoll.token(0) !== (i % 3) - 1) wrong++;
      event.drain();
      if (i % 8 === 0 && epoll.wait(0) !== 0) wrong++;
      if (i % 20_000 === 0) Bun.gc(true);
    }
    expect(wrong).toBe(0);
    for (const event of events) event.close();
    epoll.close();
  }, 30_000);

  test("a socket's full queue is seen from outside", () => {
    const arena = mapArena(4_096);
    const to = openUdpSocket({ address: "127.0.10.15", port: 0 }, { tos: 0, receiveBuffer: 4_096 }) as number;
    const from = openUdpSocket({ address: "127.0.10.15", port: 0 }, { tos: 0, receiveBuffer: 0 }) as number;
    encodeSockaddr(new Uint8Array(arena.view()), 0, localEndpoint(to)!);
    for (let i = 0; i < 100; i++) libc.sendto(from, arena.address + 64, 1_000, MSG_DONTWAIT, arena.address, 16);
    let taken = 0;
    while (libc.recvfrom(to, arena.address + 2_048, 1_000, MSG_DONTWAIT, 0, 0) >= 0) taken++;
    expect(taken).toBeLessThan(100);
    expect(queueDrops(to)).toBe(100 - taken);
    closeSocket(from);
    closeSocket(to);
    arena.release();
  });
});

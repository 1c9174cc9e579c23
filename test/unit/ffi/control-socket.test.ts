import { afterEach, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { type ControlSocket, openControlSocket } from "../../../ffi/control-socket.ts";
import { SystemError } from "../../../ffi/system-error.ts";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const it of open.splice(0)) it.close();
});

function listen(address: string, handler: Parameters<typeof openControlSocket>[1], tos = 0): ControlSocket {
  const socket = openControlSocket({ address, port: 0, tos }, handler);
  open.push(socket);
  return socket;
}

async function client(address: string): Promise<Socket> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  open.push(socket);
  return socket;
}

const answer = (socket: Socket) =>
  new Promise<{ data: Buffer; from: string; port: number }>((resolve) =>
    socket.once("message", (data, peer) => resolve({ data, from: peer.address, port: peer.port })),
  );

const echo: Parameters<typeof openControlSocket>[1] = (data, _peer, reply) => reply(data);

describe("the control socket", () => {
  test("answers each controller, byte for byte, and tells who asked", async () => {
    const peers: string[] = [];
    const server = listen("127.0.10.2", (data, peer, reply) => {
      peers.push(`${peer.address}:${peer.port}`);
      reply(data);
    });
    const one = await client("127.0.10.3");
    const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const got = answer(one);
    one.send(binary, server.port, "127.0.10.2");
    expect((await got).data).toEqual(binary);
    expect(peers).toEqual([`127.0.10.3:${one.address().port}`]);
  });

  test("on a wildcard address the reply leaves from the address that was asked", async () => {
    for (const [wildcard, own, asked] of [
      ["0.0.0.0", "127.0.10.3", "127.0.10.77"],
      ["::", "::1", "::1"],
    ] as const) {
      const server = listen(wildcard, echo);
      const one = await client(own);
      const got = answer(one);
      one.send("ping", server.port, asked);
      expect((await got).from).toBe(asked);
    }
  });

  test("takes and sends the largest datagram there is", async () => {
    const server = listen("127.0.10.2", echo);
    const one = await client("127.0.10.3");
    const big = Buffer.alloc(65_507, "x");
    const got = answer(one);
    one.send(big, server.port, "127.0.10.2");
    expect((await got).data.equals(big)).toBe(true);
    expect(server.sendErrors).toBe(0);
  });

  test("a reply may come later, out of order, and after a burst larger than one batch", async () => {
    const waiting: (() => void)[] = [];
    const total = 100;
    const all = Promise.withResolvers<void>();
    const server = listen("127.0.10.2", (data, _peer, reply) => {
      const copy = data.slice();
      waiting.push(() => reply(copy));
      if (waiting.length === total) all.resolve();
    });
    const one = await client("127.0.10.3");
    const seen: string[] = [];
    const done = Promise.withResolvers<void>();
    one.on("message", (data) => {
      seen.push(data.toString());
      if (seen.length === total) done.resolve();
    });
    for (let i = 0; i < total; i++) one.send(`request ${i}`, server.port, "127.0.10.2");
    await all.promise;
    for (const send of waiting.reverse()) send();
    await done.promise;
    expect(new Set(seen).size).toBe(total);
  });

  test("a controller that went away (ICMP port unreachable) harms no other", async () => {
    const server = listen("127.0.10.2", (data, _peer, reply) => {
      for (let i = 0; i < 10; i++) reply(data);
    });
    for (let round = 0; round < 20; round++) {
      const gone = createSocket("udp4");
      await new Promise<void>((resolve) => gone.bind(0, "127.0.10.4", resolve));
      await new Promise<void>((resolve) => gone.send("bye", server.port, "127.0.10.2", () => resolve()));
      gone.close();
      const one = await client("127.0.10.3");
      const got = answer(one);
      one.send("hello", server.port, "127.0.10.2");
      expect((await got).data.toString()).toBe("hello");
    }
    expect(server.sendErrors).toBe(0);
    expect(server.receiveErrors).toBe(0);
  });

  test("a taken or foreign address is an error that says so", () => {
    const first = listen("127.0.10.2", echo);
    const again = () => openControlSocket({ address: "127.0.10.2", port: first.port, tos: 0 }, echo);
    expect(again).toThrow(SystemError);
    expect(again).toThrow(`bind 127.0.10.2:${first.port}: Address already in use (EADDRINUSE)`);
    expect(() => openControlSocket({ address: "192.0.2.99", port: 0, tos: 0 }, echo)).toThrow("EADDRNOTAVAIL");
  });

  test("options: TOS and path MTU discovery are accepted for both families", () => {
    for (const address of ["127.0.10.2", "::1"]) {
      for (const pmtu of ["want", "dont"] as const) {
        open.push(openControlSocket({ address, port: 0, tos: 184, pmtu }, echo));
      }
    }
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { Dispatcher } from "../../../src/ng/dispatcher.ts";
import { listenUdp, type UdpListener } from "../../../src/ng/transports/udp.ts";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const it of open.splice(0)) it.close();
});

function dispatcher(): Dispatcher {
  return new Dispatcher({
    execute: () => ({ ok: true, body: { calls: [] } }),
    log: () => {},
    enabled: () => false,
    monotonic: () => 0,
  });
}

function listen(...addresses: string[]): UdpListener {
  const listener = listenUdp(dispatcher(), {
    listen: addresses.map((address) => ({ address, port: 0 })),
    tos: 0,
    now: () => 1_767_225_600_000,
  });
  open.push(listener);
  return listener;
}

async function ask(address: string, port: number, text: string): Promise<string> {
  const socket: Socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  open.push(socket);
  const reply = new Promise<string>((resolve) => socket.once("message", (data) => resolve(data.toString("latin1"))));
  socket.send(Buffer.from(text, "latin1"), port, address);
  return reply;
}

describe("ng over UDP", () => {
  test("answers over IPv4 and IPv6", async () => {
    const { ports } = listen("127.0.0.1", "::1");
    expect(await ask("127.0.0.1", ports[0]!, "a_1 d7:command4:pinge")).toBe("a_1 d6:result4:ponge");
    expect(await ask("::1", ports[1]!, "a_2 d7:command4:liste")).toBe("a_2 d5:callsle6:result2:oke");
  });

  test("when one address cannot be had none stays open", () => {
    const { ports } = listen("127.0.0.1");
    const taken = { address: "127.0.0.1", port: ports[0]! };
    const free = { address: "127.0.0.9", port: 0 };
    const attempt = () => listenUdp(dispatcher(), { listen: [free, taken], tos: 0, now: () => 0 });
    expect(attempt).toThrow(/127\.0\.0\.1/);
  });
});

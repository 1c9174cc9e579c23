import { expect, test } from "bun:test";
import { openPacketTap, type PacketTap } from "../../../ffi/packet-tap.ts";
import { SystemError } from "../../../ffi/system-error.ts";

function tapOrReason(port: number): PacketTap | string {
  try {
    return openPacketTap(port);
  } catch (error) {
    if (error instanceof SystemError && error.code === "EPERM") return error.message;
    throw error;
  }
}

const probe = tapOrReason(23_998);
if (typeof probe === "string") console.log(`# SKIP packet tap: ${probe}`);
else probe.close();
const able = typeof probe !== "string";

test.skipIf(!able).each(["127.0.0.1", "::1"])(
  "sees packets for its port on %s, with their source, and no others",
  async (host) => {
    const tap = openPacketTap(23_998);
    const errors = { error: () => {} };
    const ports = [23_998, 23_999];
    const sinks = await Promise.all(ports.map((port) => Bun.udpSocket({ hostname: host, port, socket: errors })));
    const phone = await Bun.udpSocket({ hostname: host, socket: errors });
    for (const port of [23_998, 23_999, 23_998]) phone.send("media", port, host);
    await Bun.sleep(20);
    const { count, source } = tap.read();
    // On loopback a packet passes the device twice: out and in.
    expect(count).toBe(4);
    expect(source).toEqual({ address: host, port: phone.port });
    expect(tap.read().count).toBe(0);
    tap.close();
    tap.close();
    expect(tap.read().count).toBe(0);
    for (const socket of [phone, ...sinks]) socket.close();
  },
);

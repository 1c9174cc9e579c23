import { describe, test } from "bun:test";
import { probeIoUring } from "../../ffi/io-uring.ts";
import { startUserspacePlane } from "../../src/planes/userspace.ts";
import type { EngineName } from "../../src/relay/engine.ts";
import { planeContract } from "./plane.ts";

function contractOf(engine: EngineName): void {
  planeContract(`userspace, ${engine}`, async ({ learnMilliseconds, threads, onEvent }) => {
    const userspace = await startUserspacePlane({
      threads,
      learnMilliseconds,
      capacity: 4_096,
      engine,
      random: { bytes: (count) => crypto.getRandomValues(new Uint8Array(count)) },
      onEvent,
      log: (level, message) => {
        throw new Error(`${level}: ${message}`);
      },
    });
    return {
      plane: userspace.plane,
      ports: userspace.ports,
      inUse: () => userspace.ports.usage().reduce((sum, { used }) => sum + used, 0),
      settled: () => userspace.plane.settled(),
      stop: () => userspace.stop(),
    };
  });
}

contractOf("epoll");

const { state, reason } = probeIoUring();
if (state === "no") {
  describe("forwarding plane: userspace, io_uring", () => {
    test.skip(`cannot be tested here: ${reason}`, () => {});
  });
} else contractOf("io_uring");

import { describe, test } from "bun:test";
import { probeIoUring } from "../../ffi/io-uring.ts";
import { chooseSrtpLibrary, type SrtpLibraryName } from "../../src/media/srtp/library.ts";
import { startUserspacePlane } from "../../src/planes/userspace.ts";
import type { EngineName } from "../../src/relay/engine.ts";
import { type PlaneTestOptions, type PlaneUnderTest, planeContract } from "./plane.ts";
import { securePlaneContract } from "./secure-plane.ts";

const starter =
  (engine: EngineName, srtp?: SrtpLibraryName) =>
  async ({ learnMilliseconds, threads, onEvent }: PlaneTestOptions): Promise<PlaneUnderTest> => {
    const userspace = await startUserspacePlane({
      threads,
      learnMilliseconds,
      capacity: 4_096,
      engine,
      ...(srtp && { srtp }),
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
  };

const { name: srtp, reason: noLibcrypto } = chooseSrtpLibrary();

function contractOf(engine: EngineName): void {
  planeContract(`userspace, ${engine}`, starter(engine));
  if (srtp === "runtime") {
    describe(`SRTP and ICE on the forwarding plane: userspace, ${engine}, libcrypto`, () => {
      test.skip(`cannot be tested here: ${noLibcrypto}`, () => {});
    });
  } else securePlaneContract(`userspace, ${engine}, libcrypto`, starter(engine, "libcrypto"));
}

contractOf("epoll");
securePlaneContract("userspace, epoll, the runtime's crypto", starter("epoll", "runtime"));

const { state, reason } = probeIoUring();
if (state === "no") {
  describe("forwarding plane: userspace, io_uring", () => {
    test.skip(`cannot be tested here: ${reason}`, () => {});
  });
} else contractOf("io_uring");

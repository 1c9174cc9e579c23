import { startUserspacePlane } from "../../src/planes/userspace.ts";
import { planeContract } from "./plane.ts";

planeContract("userspace, epoll", async ({ learnMilliseconds, threads, onEvent }) => {
  const userspace = await startUserspacePlane({
    threads,
    learnMilliseconds,
    capacity: 4_096,
    engine: "epoll",
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

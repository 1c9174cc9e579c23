/** Every relay engine by name. */
import type { EngineName, EngineParts, RelayEngine } from "./engine.ts";
import { EpollEngine } from "./epoll-engine.ts";
import { IoUringEngine } from "./io-uring-engine.ts";

/** @throws SystemError when the system refuses what the engine needs */
export function createEngine(name: EngineName, parts: EngineParts): RelayEngine {
  switch (name) {
    case "epoll":
      return new EpollEngine(parts);
    case "io_uring":
      return new IoUringEngine(parts);
    default:
      throw new Error(`no relay engine is called ${name satisfies never}`);
  }
}

/** Which relay engine runs: what the configuration wants, as far as this host can do it. Found by trying. */
import { probeIoUring } from "../../ffi/io-uring.ts";
import type { EngineName } from "./engine.ts";

export interface EngineChoice {
  readonly engine: EngineName;
  /** Why this one, as one sentence for the log and `sluice check`. */
  readonly reason: string;
  /** True when the engine that was asked for cannot be had. */
  readonly fallback: boolean;
}

/**
 * `auto`: io_uring where it can gather inside the kernel (Linux 6.12), else epoll. Measured against each other in turns
 * (`bench relay --parts engines`; one worker, Linux 6.18): io_uring takes 2 to 10 % less CPU per packet than epoll at 250 to
 * 2,000 calls and has the shorter waits at light load. Without the kernel's gathering it has no advantage, and it costs 10 MB
 * of buffers per worker.
 */
export function chooseEngine(wanted: EngineName | "auto"): EngineChoice {
  if (wanted === "epoll") return { engine: "epoll", reason: "as configured", fallback: false };
  const { state, gathers, reason } = probeIoUring();
  if (state === "no") {
    return { engine: "epoll", reason: `io_uring cannot be used: ${reason}`, fallback: wanted === "io_uring" };
  }
  if (wanted === "io_uring") return { engine: "io_uring", reason: `as configured; ${reason}`, fallback: false };
  if (!gathers) return { engine: "epoll", reason: `io_uring works, but ${reason}`, fallback: false };
  return { engine: "io_uring", reason, fallback: false };
}

/** What this host can do, found by trying, for `sluice check`. */
import { probeIoUring } from "../../ffi/io-uring.ts";
import type { Settings } from "../config/settings.ts";
import { chooseEngine } from "../relay/engine-choice.ts";
import type { Probe } from "./check.ts";

export async function probeHost({ relay }: Settings): Promise<readonly Probe[]> {
  const { state, reason } = probeIoUring();
  const choice = chooseEngine(relay.engine);
  return [
    { name: "io_uring", state, reason },
    { name: "relay would use", state: choice.fallback ? "no" : "yes", reason: `${choice.engine} (${choice.reason})` },
  ];
}

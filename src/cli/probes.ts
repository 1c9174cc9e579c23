/** What this host can do, found by trying, for `sluice check`. */
import { probeIoUring } from "../../ffi/io-uring.ts";
import type { Settings } from "../config/settings.ts";
import { chooseSrtpLibrary } from "../media/srtp/library.ts";
import { chooseEngine } from "../relay/engine-choice.ts";
import type { Probe } from "./check.ts";

export async function probeHost({ relay }: Settings): Promise<readonly Probe[]> {
  const { state, reason } = probeIoUring();
  const choice = chooseEngine(relay.engine);
  const srtp = chooseSrtpLibrary();
  return [
    { name: "io_uring", state, reason },
    { name: "relay would use", state: choice.fallback ? "no" : "yes", reason: `${choice.engine} (${choice.reason})` },
    {
      name: "libcrypto (SRTP)",
      state: srtp.name === "libcrypto" ? "yes" : "no",
      reason:
        srtp.name === "libcrypto"
          ? ""
          : `${srtp.reason}; the runtime's own crypto is used, about three times slower per packet`,
    },
  ];
}

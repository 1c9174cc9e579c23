/** Limits on new calls. The texts are compared literally by Kamailio and OpenSIPS, which then try another node. */
import { MAX_CALLS } from "../limits.ts";
import type { Outbox } from "./outbox.ts";
import type { CallState } from "./state.ts";
import type { Context } from "./transition.ts";

/** The first limit that stands in the way of one more call. */
export function exceededLimit(state: CallState, callId: string, context: Context, out: Outbox): string | undefined {
  const { maxSessions, maxLoad, maxCpu, maxBandwidth } = state.settings;
  const { loadAverage, cpuPercent, bytesPerSecond } = context.load;
  const sessions = state.calls.size;
  const limit = maxSessions < 0 ? MAX_CALLS : Math.min(maxSessions, MAX_CALLS);
  if (sessions >= limit) {
    state.ended.rejected += 1;
    out.log("error", callId, `Parallel session limit reached (${limit})`);
    return "Parallel session limit reached";
  }
  if (maxLoad > 0 && loadAverage >= maxLoad) {
    out.log("warning", callId, `Load limit exceeded (${loadAverage.toFixed(2)} > ${maxLoad.toFixed(2)})`);
    return "Load limit exceeded";
  }
  if (maxCpu > 0 && cpuPercent >= maxCpu) {
    out.log("warning", callId, `CPU usage limit exceeded (${cpuPercent.toFixed(1)}% > ${maxCpu.toFixed(1)}%)`);
    return "CPU usage limit exceeded";
  }
  if (maxBandwidth > 0 && bytesPerSecond >= maxBandwidth) {
    out.log("warning", callId, `Bandwidth limit exceeded (${Math.round(bytesPerSecond)} > ${maxBandwidth})`);
    return "Bandwidth limit exceeded";
  }
  return undefined;
}

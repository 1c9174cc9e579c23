/** The `list` command: call IDs, oldest first. */
import type { Directives } from "./directives.ts";
import type { CallState } from "./state.ts";
import type { CommandReply } from "./transition.ts";

const DEFAULT_LIMIT = 32;

export function list(state: CallState, { limit = DEFAULT_LIMIT }: Directives): CommandReply {
  if (limit < 0) return { ok: false, reason: "invalid limit, must be >= 0" };
  const calls: string[] = [];
  for (const id of state.calls.keys()) {
    if (calls.length >= limit) break;
    calls.push(id);
  }
  return { ok: true, body: { calls } };
}

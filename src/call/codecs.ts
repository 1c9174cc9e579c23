/** Which payload formats a party is shown. */
import type { PayloadFormat } from "../sdp/model.ts";
import type { MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { Outbox } from "./outbox.ts";

export function presentFormats(
  from: MediaSection,
  _to: MediaSection,
  _directives: Directives,
  _phase: "offer" | "answer",
  _out: Outbox,
): readonly PayloadFormat[] | undefined {
  return from.formats;
}

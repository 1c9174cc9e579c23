/** Which payload formats a party is shown: no transcoding, so a list only ever gets shorter or changes its order. */
import { type AnsweredFormats, answerFormats, editFormats } from "../sdp/formats.ts";
import type { PayloadFormat } from "../sdp/model.ts";
import type { MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { Outbox } from "./outbox.ts";

/** Undefined: no codec is left and the section is to be rejected (`allow-no-codec-media`). */
export function presentFormats(
  from: MediaSection,
  to: MediaSection,
  directives: Directives,
  phase: "offer" | "answer",
  out: Outbox,
): readonly PayloadFormat[] | undefined {
  const { formats } = from;
  if (!from.isRtp || formats.length === 0) return formats;
  const { flags, codec } = directives;
  const allowNoCodec = flags.has("allow-no-codec-media");
  const edited = editFormats(formats, codec, { phase, allowNoCodec });
  if (edited.restored) warn(to, "no codec would be left: the codec options are not applied", out);
  if (edited.formats.length === 0) return undefined;
  if (phase === "offer") return edited.formats;

  const offered = from.presented.length > 0 ? from.presented : to.formats;
  const answered = answerFormats(offered, edited.formats, {
    singleCodec: flags.has("single-codec"),
    allowAsymmetric: flags.has("allow-asymmetric-codecs"),
  });
  if (answered.restored) warn(to, "nothing in the answer was offered: it is passed on as it is", out);
  return ownNumbers(answered);
}

/**
 * Numbers as the answerer chose them: packets are not renumbered on their way, so the offerer has to send what the
 * answerer expects (RFC 3264 section 6.1 allows both directions to differ).
 */
function ownNumbers({ formats, renumbered }: AnsweredFormats): readonly PayloadFormat[] {
  if (renumbered.size === 0) return formats;
  return formats.map((format) => {
    const payloadType = renumbered.get(format.payloadType);
    return payloadType === undefined ? format : { ...format, payloadType };
  });
}

function warn(section: MediaSection, what: string, out: Outbox): void {
  out.log("warning", section.leg.call.id, `Media #${section.index} (${section.type}): ${what}`, "codec");
}

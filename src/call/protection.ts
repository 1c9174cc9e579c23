/**
 * SDES keys (RFC 4568) between two SRTP parties: lines go through with their keys, so both sides use the same ones and
 * packets need no decryption on their way.
 */
import type { CryptoLine, MediaDescription } from "../sdp/model.ts";
import { effectiveProfile, isOpportunistic, transportProfile } from "../sdp/transport.ts";
import type { MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { Outbox } from "./outbox.ts";

const NONE: readonly CryptoLine[] = [];
const OFF: ReadonlySet<string> = new Set(["no", "off", "disable", "disabled"]);

/** Lines to print for the receiver. A leg that would need keys of our own gets none yet, and the log says so. */
export function presentCrypto(
  from: MediaSection,
  to: MediaSection,
  directives: Directives,
  phase: "offer" | "answer",
  out: Outbox,
): readonly CryptoLine[] {
  const media = from.description;
  if (!media?.isRtp) return NONE;
  const lines = phase === "offer" ? offeredLines(to, media, directives) : answeredLine(from, to, media);
  const wanted = (transportProfile(to.protocol)?.secure ?? false) || lines.length > 0;
  const given = effectiveProfile(media)?.secure ?? false;
  if (wanted !== given || (wanted && lines.length === 0)) {
    out.log(
      "warning",
      to.leg.call.id,
      `Media #${to.index}: ${media.protocol} to ${to.protocol} needs keys of our own, which this version cannot ` +
        "make: the parties will not understand each other's packets",
      "srtp",
    );
  }
  return lines;
}

function offeredLines(
  to: MediaSection,
  media: MediaDescription,
  { sdes, transport }: Directives,
): readonly CryptoLine[] {
  if (media.crypto.length === 0) return NONE;
  const secure = transportProfile(to.protocol)?.secure ?? false;
  // Opportunistic SRTP keeps the plain name and the keys unless a protocol is asked for (RFC 8643).
  if (!secure && !(isOpportunistic(media) && transport === undefined)) return NONE;
  return filterSuites(media.crypto, sdes);
}

/** The line the answerer chose, under the tag that its suite has in the offerer's list. */
function answeredLine(from: MediaSection, to: MediaSection, media: MediaDescription): readonly CryptoLine[] {
  const [chosen] = media.crypto;
  if (!chosen || !from.presentedCrypto.some(({ suite }) => suite === chosen.suite)) return NONE;
  const offered = to.description?.crypto.find(({ suite }) => suite === chosen.suite);
  return offered ? [{ tag: offered.tag, suite: chosen.suite, params: chosen.params }] : NONE;
}

/** Suites as the `SDES` options `off`, `only-`, `no-` and `order:` leave them; tags and keys stay. */
export function filterSuites(lines: readonly CryptoLine[], options: readonly string[]): readonly CryptoLine[] {
  if (options.length === 0) return lines;
  if (options.some((option) => OFF.has(option))) return NONE;
  const only = suitesOf(options, "only-");
  const excluded = suitesOf(options, "no-");
  const kept = lines.filter(({ suite }) => (only.size === 0 || only.has(suite)) && !excluded.has(suite));
  const order = options.find((option) => option.startsWith("order:"));
  if (order === undefined) return kept;
  const wanted = order.slice("order:".length).split(";");
  const rank = ({ suite }: CryptoLine) => {
    const at = wanted.indexOf(suite);
    return at < 0 ? wanted.length : at;
  };
  return kept.toSorted((a, b) => rank(a) - rank(b));
}

function suitesOf(options: readonly string[], prefix: string): ReadonlySet<string> {
  return new Set(options.filter((option) => option.startsWith(prefix)).map((option) => option.slice(prefix.length)));
}

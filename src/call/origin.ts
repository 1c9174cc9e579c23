/** `o=` and `s=` towards one party: the `replace` options refer to what it was sent first. */
import type { InterfaceAddress } from "../relay/ports.ts";
import type { Origin, SessionDescription } from "../sdp/model.ts";
import type { Leg, SentOrigin } from "./call.ts";
import type { Directives } from "./directives.ts";

const UNNAMED: Origin = { username: "-", sessionId: "0", version: "0", addressType: "IP4", address: "0.0.0.0" };

/** The origin and session name to print, with the version as it was; see {@link settleVersion}. */
export function originFor(
  leg: Leg,
  sdp: SessionDescription,
  { replace }: Directives,
  ours: InterfaceAddress | undefined,
): { readonly origin: Origin; readonly name: string } {
  const given = sdp.origin ?? UNNAMED;
  const full = replace.has("origin-full");
  leg.sent ??= {
    username: given.username,
    sessionId: given.sessionId,
    name: sdp.name ?? "-",
    version: undefined,
    address: undefined,
    text: undefined,
  };
  const { sent } = leg;
  let { username, sessionId, addressType, address } = given;
  if (full || replace.has("username")) username = sent.username === "" ? "-" : sent.username;
  if (full) sessionId = sent.sessionId;
  if (full || replace.has("origin")) {
    sent.address ??= ours && { address: ours.advertised, family: ours.family };
    if (sent.address) {
      address = sent.address.address;
      addressType = `IP${sent.address.family}`;
    }
  }
  let { version } = given;
  if (countsVersion(replace)) {
    sent.version ??= given.version;
    version = sent.version;
  }
  const name = replace.has("session-name") ? sent.name : (sdp.name ?? "-");
  return { origin: { username, sessionId, version, addressType, address }, name };
}

export function countsVersion(replace: Directives["replace"]): boolean {
  return replace.has("sdp-version") || replace.has("origin-full") || replace.has("force-increment-sdp-ver");
}

/**
 * The version to print, given the text made with the last one: one more when the text differs from the last SDP to this
 * party, or always if forced. The first SDP keeps the sender's version.
 */
export function settleVersion(sent: SentOrigin, text: string, { replace }: Directives): string {
  const last = sent.version ?? "0";
  if (sent.text === undefined) return last;
  const changed = sent.text !== text;
  return changed || replace.has("force-increment-sdp-ver") ? increment(last) : last;
}

/** Versions are decimal numbers of up to 64 bits (RFC 8866 section 5.2): more than a double holds exactly. */
function increment(version: string): string {
  if (!/^[0-9]{1,20}$/.test(version)) return "1";
  return version.length < 15 ? String(Number(version) + 1) : String(BigInt(version) + 1n);
}

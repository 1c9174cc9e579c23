/** What a proxy that changes nothing would print: to test parser and writer against each other. */
import { formatCandidate } from "../../../src/sdp/candidates.ts";
import type { MediaDescription, OutputDescription, OutputMedia, SessionDescription } from "../../../src/sdp/model.ts";
import { isSdpError, type ParseOptions, parseSdp } from "../../../src/sdp/parse.ts";

export const PLAIN: ParseOptions = { fragment: false, rejectEmptyLine: false };

/** Lines joined as on the wire. */
export function sdp(...lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join("");
}

/** Session lines that every test needs. */
export const SESSION = ["v=0", "o=alice 100 1 IN IP4 192.0.2.10", "s=call", "c=IN IP4 192.0.2.10", "t=0 0"] as const;

/** Parses what must be right. */
export function parsed(text: string, options: ParseOptions = PLAIN): SessionDescription {
  const result = parseSdp(text, options);
  if (isSdpError(result)) throw new Error(`${result.kind} at ${result.offset}: ${result.reason}`);
  return result;
}

/** The first section of the usual session with these lines. */
export function section(...lines: readonly string[]): MediaDescription {
  return parsed(sdp(...SESSION, ...lines)).media[0]!;
}

export function echoMedia(media: MediaDescription): OutputMedia {
  return {
    type: media.type,
    port: media.port,
    protocol: media.protocol,
    formatText:
      media.isRtp && media.formats.length > 0 ? media.formats.map((f) => f.payloadType).join(" ") : media.formatText,
    info: media.info,
    connection: media.connection ?? { family: 4, address: "0.0.0.0" },
    bandwidth: media.bandwidth,
    mid: media.mid,
    label: media.label,
    bundleOnly: media.bundleOnly,
    formats: media.formats,
    extmapAllowMixed: media.extmapAllowMixed,
    extmap: media.extmap,
    others: media.others,
    direction: media.direction ?? "sendrecv",
    rtcp: media.rtcp
      ? `${media.rtcp.port}${media.rtcp.address ? ` IN IP${media.rtcp.address.includes(":") ? 6 : 4} ${media.rtcp.address}` : ""}`
      : undefined,
    rtcpMux: media.rtcpMux,
    crypto: media.crypto,
    ...(media.setup !== undefined && { setup: media.setup }),
    ...(media.fingerprint && { fingerprint: media.fingerprint }),
    ...(media.tlsId !== undefined && { tlsId: media.tlsId }),
    ptime: media.ptime,
    maxptime: media.maxptime,
    ...(media.iceUfrag !== undefined && { iceUfrag: media.iceUfrag }),
    ...(media.icePwd !== undefined && { icePwd: media.icePwd }),
    ...(media.iceOptions.length > 0 && { iceOptions: media.iceOptions.join(" ") }),
    candidates: media.candidates.map(formatCandidate),
    endOfCandidates: media.endOfCandidates,
  };
}

export function echo(description: SessionDescription): OutputDescription {
  return {
    origin: description.origin ?? {
      username: "-",
      sessionId: "1",
      version: "1",
      addressType: "IP4",
      address: "127.0.0.1",
    },
    name: description.name ?? "-",
    info: description.info,
    uri: description.uri,
    email: description.email,
    phone: description.phone,
    bandwidth: description.bandwidth,
    timing: description.timing ?? "0 0",
    loopId: description.loopIds[0],
    iceLite: description.defaults.iceLite,
    groups: description.groups,
    others: description.others,
    media: description.media.map(echoMedia),
  };
}

/**
 * Prints session descriptions in the fixed order of the reference (2.1-2.3), lines ended by CRLF. `sdp-attr` edits are
 * applied to each attribute while it is printed, generated ones included.
 */
import type { AttributeEdits } from "../call/directives.ts";
import { formatCrypto } from "./crypto.ts";
import { formatExtension } from "./extensions.ts";
import { printedFmtp } from "./fmtp.ts";
import type { Bandwidth, OutputDescription, OutputMedia, PayloadFormat } from "./model.ts";

/**
 * The text of a description.
 *
 * @param edits by section: `global` for session level, else media types
 */
export function writeSdp(description: OutputDescription, edits: ReadonlyMap<string, AttributeEdits>): string {
  const edited = edits.size > 0;
  const { origin } = description;
  let out = `v=0\r\no=${origin.username} ${origin.sessionId} ${origin.version} IN ${origin.addressType} ${origin.address}\r\ns=${description.name}\r\n`;
  if (description.info) out += `i=${description.info}\r\n`;
  if (description.uri) out += `u=${description.uri}\r\n`;
  if (description.email) out += `e=${description.email}\r\n`;
  if (description.phone) out += `p=${description.phone}\r\n`;
  out += bandwidthLines(description.bandwidth);
  out += `t=${description.timing}\r\n`;

  const global = edited ? compile(edits.get("global") ?? edits.get("none")) : undefined;
  if (description.loopId !== undefined) out += line(`rtpengine:${description.loopId}`, global);
  if (description.mohAttribute) out += line(description.mohAttribute, global);
  if (description.iceLite) out += line("ice-lite", global);
  for (const group of description.groups) out += line(`group:${group}`, global);
  for (const other of description.others) out += line(other, global);
  if (global) out += global.additions;

  for (const media of description.media) {
    out += section(media, edited ? compile(edits.get(media.type)) : undefined);
  }
  return out;
}

function section(media: OutputMedia, edits: Edits | undefined): string {
  let out =
    media.formatText === ""
      ? `m=${media.type} ${media.port} ${media.protocol}\r\n`
      : `m=${media.type} ${media.port} ${media.protocol} ${media.formatText}\r\n`;
  if (media.bare) return out;
  if (media.info) out += `i=${media.info}\r\n`;
  out += `c=IN IP${media.connection.family} ${media.connection.address}\r\n`;
  out += bandwidthLines(media.bandwidth);
  if (media.copied && media.port !== 0) {
    for (const attribute of media.copied) out += line(attribute, edits);
    // Our own candidates stand before the end mark of the original, which the caller leaves out of the copy.
    if (media.candidates) for (const candidate of media.candidates) out += line(`candidate:${candidate}`, edits);
    if (media.endOfCandidates) out += line("end-of-candidates", edits);
    return edits ? out + edits.additions : out;
  }
  if (media.mid !== undefined) out += line(`mid:${media.mid}`, edits);
  if (media.label !== undefined) out += line(`label:${media.label}`, edits);
  if (media.bundleOnly) out += line("bundle-only", edits);
  // Port 0 of a bundle-only section does not mean that it is rejected (RFC 9143 section 6).
  if (media.port === 0 && !media.bundleOnly) return out;

  for (const format of media.formats) out += formatLines(format, edits);
  if (media.extmapAllowMixed) out += line("extmap-allow-mixed", edits);
  for (const extension of media.extmap) out += line(`extmap:${formatExtension(extension)}`, edits);
  for (const other of media.others) out += line(other, edits);
  if (media.direction !== undefined) out += line(media.direction, edits);
  if (media.rtcp !== undefined) out += line(`rtcp:${media.rtcp}`, edits);
  if (media.rtcpMux) out += line("rtcp-mux", edits);
  for (const crypto of media.crypto) out += line(`crypto:${formatCrypto(crypto)}`, edits);
  if (media.setup !== undefined) out += line(`setup:${media.setup}`, edits);
  if (media.fingerprint) out += line(`fingerprint:${media.fingerprint.hash} ${media.fingerprint.value}`, edits);
  if (media.tlsId !== undefined) out += line(`tls-id:${media.tlsId}`, edits);
  if (media.ptime !== undefined) out += line(`ptime:${media.ptime}`, edits);
  if (media.maxptime !== undefined) out += line(`maxptime:${media.maxptime}`, edits);
  if (media.iceUfrag !== undefined) out += line(`ice-ufrag:${media.iceUfrag}`, edits);
  if (media.icePwd !== undefined) out += line(`ice-pwd:${media.icePwd}`, edits);
  if (media.iceOptions !== undefined) out += line(`ice-options:${media.iceOptions}`, edits);
  if (media.candidates) for (const candidate of media.candidates) out += line(`candidate:${candidate}`, edits);
  if (media.remoteCandidates !== undefined) out += line(`remote-candidates:${media.remoteCandidates}`, edits);
  if (media.endOfCandidates) out += line("end-of-candidates", edits);
  return edits ? out + edits.additions : out;
}

/** `rtpmap`, `fmtp` and `rtcp-fb` of one payload type; a type whose encoding is unknown has no rtpmap. opus and EVS get
 * their parameters in our order. */
function formatLines(format: PayloadFormat, edits: Edits | undefined): string {
  const { payloadType, name, clockRate, channels, feedback } = format;
  const fmtp = printedFmtp(format);
  let out = "";
  if (name !== undefined && clockRate !== undefined) {
    const encoding = `rtpmap:${payloadType} ${name}/${clockRate}`;
    out = line(channels === undefined ? encoding : `${encoding}/${channels}`, edits);
  }
  if (fmtp !== undefined) out += line(`fmtp:${payloadType} ${fmtp}`, edits);
  for (const value of feedback) out += line(`rtcp-fb:${payloadType} ${value}`, edits);
  return out;
}

function bandwidthLines({ AS, RR, RS, CT, TIAS }: Bandwidth): string {
  let out = "";
  if (AS !== undefined) out += `b=AS:${AS}\r\n`;
  if (RR !== undefined) out += `b=RR:${RR}\r\n`;
  if (RS !== undefined) out += `b=RS:${RS}\r\n`;
  if (CT !== undefined) out += `b=CT:${CT}\r\n`;
  if (TIAS !== undefined) out += `b=TIAS:${TIAS}\r\n`;
  return out;
}

/** Edits of one section, made ready for matching: all keys in lower case. */
interface Edits {
  readonly remove: ReadonlySet<string>;
  readonly substitute: ReadonlyMap<string, string>;
  /** Lines as printed. */
  readonly additions: string;
}

function compile(edits: AttributeEdits | undefined): Edits | undefined {
  if (!edits) return undefined;
  const substitute = new Map<string, string>();
  for (const [from, to] of edits.substitute) {
    const key = from.toLowerCase();
    if (!substitute.has(key)) substitute.set(key, oneLine(to));
  }
  let additions = "";
  for (const text of edits.add) additions += `a=${oneLine(text)}\r\n`;
  return { remove: new Set(edits.remove.map((text) => text.toLowerCase())), substitute, additions };
}

/** What an edit says ends at the end of its line, so that it can add no line of another kind. */
function oneLine(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x0d || code === 0x0a) return text.slice(0, i);
  }
  return text;
}

function line(attribute: string, edits: Edits | undefined): string {
  return edits ? editedLine(attribute, edits) : `a=${attribute}\r\n`;
}

/**
 * The attribute against the growing prefixes `name`, `name:tag` and the whole: each is removed with the line, or replaced
 * and then grown further from what replaced it.
 */
function editedLine(attribute: string, { remove, substitute }: Edits): string {
  const colon = attribute.indexOf(":");
  const space = colon < 0 ? -1 : attribute.indexOf(" ", colon);
  let printed = "";
  let done = 0;
  for (const end of [colon, space, attribute.length]) {
    if (end <= done) continue;
    printed += attribute.slice(done, end);
    done = end;
    const key = printed.toLowerCase();
    if (remove.has(key)) return "";
    printed = substitute.get(key) ?? printed;
  }
  return `a=${printed}\r\n`;
}

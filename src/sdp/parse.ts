/**
 * Session descriptions as received (RFC 8866) into the model. One pass over the text by character positions; what is kept
 * are slices of it. Malformed known attributes are dropped, as the reference does; bad lines end in an {@link SdpError}.
 */
import type { Family } from "../address.ts";
import { MAX_ATTRIBUTES, MAX_CANDIDATES, MAX_SDP_SIZE, MAX_SECTIONS } from "../limits.ts";
import { candidateIn } from "./candidates.ts";
import { cryptoIn } from "./crypto.ts";
import { extensionIn } from "./extensions.ts";
import type {
  Bandwidth,
  Candidate,
  Connection,
  CryptoLine,
  Direction,
  HeaderExtension,
  MediaDefaults,
  MediaDescription,
  Origin,
  PayloadFormat,
  SdpError,
  SessionDescription,
} from "./model.ts";
import { DEFAULT_FORMATS } from "./payload-types.ts";
import { addressIn, decimal, positionOf, skipBlanks, tokenEnd } from "./scan.ts";
import { isRtpProtocol } from "./transport.ts";

export interface ParseOptions {
  /** A trickle fragment (RFC 8840): may start with any line and lack addresses. */
  readonly fragment: boolean;
  /** `reject-invalid-sdp`: an empty line is an error instead of the end. */
  readonly rejectEmptyLine: boolean;
  /** `original-sendrecv`: direction attributes are also kept, in their place, among the other attributes. */
  readonly keepDirection?: boolean;
  /** The attribute of this name (`moh-attr-name`) is ours and not passed through. */
  readonly mohAttrName?: string | undefined;
}

/** Most consecutive port pairs of one section (`m=audio 4000/2`). */
const MAX_PORT_COUNT = 10;

export function isSdpError(result: SessionDescription | SdpError): result is SdpError {
  return "kind" in result;
}

/**
 * Parses one session description.
 *
 * @param text byte string, at most MAX_SDP_SIZE
 * @returns the description, or why it is none; never throws
 */
export function parseSdp(text: string, options: ParseOptions): SessionDescription | SdpError {
  if (text.length > MAX_SDP_SIZE) return syntax(0, `text longer than ${MAX_SDP_SIZE} bytes`);
  const session = new Session();
  const defaults = new Defaults();
  let section: Section | undefined;
  let pending: SectionTail = new SectionTail();
  const incomplete: Incomplete = { offset: -1, reason: "" };
  let attributes = 0;
  let line = 0; // start of the line at hand
  let sawVersion = false;

  while (line < text.length) {
    let next = text.indexOf("\n", line);
    let end: number;
    if (next < 0) end = next = text.length;
    else end = next++;
    if (end > line && text.charCodeAt(end - 1) === 0x0d) end--;
    if (end === line) {
      if (options.rejectEmptyLine) return syntax(line, "empty line");
      break;
    }
    if (end < line + 2 || text.charCodeAt(line + 1) !== 0x3d) return syntax(line, "second character is not '='");
    const letter = text.charCodeAt(line);
    if (!sawVersion && letter !== 0x76 && !options.fragment) return syntax(line, "first line is not v=0");
    const from = line + 2;

    switch (letter) {
      case 0x61: {
        // a=
        if (++attributes > MAX_ATTRIBUTES) return syntax(line, `more than ${MAX_ATTRIBUTES} attributes`);
        if (section) mediaAttribute(text, from, end, section, pending, session, options);
        else sessionAttribute(text, from, end, session, defaults, options);
        break;
      }
      case 0x6d: {
        // m=
        if (section) finish(section, pending, defaults, session, incomplete, options);
        if (session.media.length === MAX_SECTIONS) return syntax(line, `more than ${MAX_SECTIONS} m= lines`);
        pending = new SectionTail();
        section = new Section();
        const reason = mediaLine(text, from, end, section);
        if (reason !== undefined) return syntax(line, reason);
        pending.offset = line;
        session.media.push(section);
        break;
      }
      case 0x63: {
        // c=
        const holder = section ?? session;
        if (holder.connection) return syntax(line, "second c= line on the same level");
        holder.connection = connection(text, from, end);
        if (!holder.connection) return syntax(line, "malformed c= line");
        break;
      }
      case 0x62: // b=
        bandwidth(text, from, end, section ?? session);
        break;
      case 0x69: // i=
        (section ?? session).info = text.slice(from, end);
        break;
      case 0x76: // v=
        if (sawVersion || section || (session.started && !options.fragment)) {
          return syntax(line, "v= line after the first line");
        }
        if (end !== from + 1 || text.charCodeAt(from) !== 0x30) return syntax(line, "version is not 0");
        sawVersion = true;
        break;
      case 0x6f: // o=
        if (section) return syntax(line, "o= line inside a media section");
        if (session.origin) return syntax(line, "second o= line");
        session.origin = origin(text, from, end);
        if (!session.origin) return syntax(line, "malformed o= line");
        break;
      case 0x73: // s=
        if (section) return syntax(line, "s= line inside a media section");
        session.name = text.slice(from, end);
        break;
      case 0x75: // u=
        if (section) return syntax(line, "u= line inside a media section");
        session.uri = text.slice(from, end);
        break;
      case 0x65: // e=
        if (section) return syntax(line, "e= line inside a media section");
        session.email ??= text.slice(from, end);
        break;
      case 0x70: // p=
        if (section) return syntax(line, "p= line inside a media section");
        session.phone ??= text.slice(from, end);
        break;
      case 0x74: // t=
        if (section) return syntax(line, "t= line inside a media section");
        session.timing ??= text.slice(from, end);
        break;
      case 0x6b: // k=
      case 0x72: // r=
      case 0x7a: // z=
        break;
      default:
        return syntax(line, "unknown line type");
    }
    session.started = true;
    line = next;
  }

  if (!sawVersion && !options.fragment) return syntax(0, "first line is not v=0");
  if (section) finish(section, pending, defaults, session, incomplete, options);
  if (incomplete.offset >= 0) return { kind: "incomplete", offset: incomplete.offset, reason: incomplete.reason };
  return session.description(defaults);
}

function syntax(offset: number, reason: string): SdpError {
  return { kind: "syntax", offset, reason };
}

interface Incomplete {
  /** -1 = nothing missing so far. */
  offset: number;
  reason: string;
}

const NONE: readonly never[] = [];
const NO_BANDWIDTH: Bandwidth = {};

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

class Session {
  started = false;
  origin: Origin | undefined = undefined;
  name: string | undefined = undefined;
  info: string | undefined = undefined;
  uri: string | undefined = undefined;
  email: string | undefined = undefined;
  phone: string | undefined = undefined;
  bandwidth: Writable<Bandwidth> | undefined = undefined;
  timing: string | undefined = undefined;
  connection: Connection | undefined = undefined;
  groups: string[] = [];
  loopIds: string[] = [];
  others: string[] = [];
  candidates: Candidate[] = [];
  endOfCandidates = false;
  media: MediaDescription[] = [];
  warnings: string[] = [];

  description(defaults: MediaDefaults): SessionDescription {
    return {
      origin: this.origin,
      name: this.name,
      info: this.info,
      uri: this.uri,
      email: this.email,
      phone: this.phone,
      bandwidth: this.bandwidth ?? NO_BANDWIDTH,
      timing: this.timing,
      connection: this.connection,
      groups: this.groups,
      loopIds: this.loopIds,
      defaults,
      others: this.others,
      candidates: this.candidates,
      endOfCandidates: this.endOfCandidates,
      media: this.media,
      warnings: this.warnings,
    };
  }
}

class Defaults implements MediaDefaults {
  direction: Direction | undefined = undefined;
  iceUfrag: string | undefined = undefined;
  icePwd: string | undefined = undefined;
  iceOptions: readonly string[] = NONE;
  iceLite = false;
  fingerprint: { readonly hash: string; readonly value: string } | undefined = undefined;
  setup: string | undefined = undefined;
  tlsId: string | undefined = undefined;
  extmap: readonly HeaderExtension[] = NONE;
  extmapAllowMixed = false;
}

class Section extends Defaults implements MediaDescription {
  type = "";
  port = 0;
  portCount = 1;
  protocol = "";
  isRtp = false;
  formatText = "";
  formats: readonly PayloadFormat[] = NONE;
  info: string | undefined = undefined;
  connection: Connection | undefined = undefined;
  bandwidth: Writable<Bandwidth> = NO_BANDWIDTH;
  mid: string | undefined = undefined;
  label: string | undefined = undefined;
  rtcp: { readonly port: number; readonly address: string | undefined } | undefined = undefined;
  rtcpMux = false;
  crypto: readonly CryptoLine[] = NONE;
  candidates: readonly Candidate[] = NONE;
  endOfCandidates = false;
  bundleOnly = false;
  ptime: number | undefined = undefined;
  maxptime: number | undefined = undefined;
  ownDirection: Direction | undefined = undefined;
  others: string[] = [];
  all: string[] = [];
}

/** What a section needs only until its end: the attributes of single payload types. */
class SectionTail {
  offset = 0;
  formats: Map<number, Writable<PayloadFormat>> | undefined = undefined;
  crypto: CryptoLine[] | undefined = undefined;
  candidates: Candidate[] | undefined = undefined;

  format(payloadType: number): Writable<PayloadFormat> {
    this.formats ??= new Map();
    let format = this.formats.get(payloadType);
    if (!format) {
      format = { ...DEFAULT_FORMATS[payloadType]! };
      this.formats.set(payloadType, format);
    }
    return format;
  }
}

/** `<username> <sess-id> <sess-version> <nettype> <addrtype> <address>`; the address may be anything. */
function origin(text: string, from: number, end: number): Origin | undefined {
  const tokens: string[] = [];
  let stop = from;
  for (let i = 0; i < 6; i++) {
    const start = skipBlanks(text, stop, end);
    stop = tokenEnd(text, start, end);
    if (stop === start) return undefined;
    tokens.push(text.slice(start, stop));
  }
  const [username, sessionId, version, , addressType, address] = tokens;
  return {
    username: username!,
    sessionId: sessionId!,
    version: version!,
    addressType: addressType!,
    address: address!,
  };
}

/** `IN IP4|IP6 <address>` in `from`..`end`, nothing after it. */
function connection(text: string, from: number, end: number): Connection | undefined {
  let start = skipBlanks(text, from, end);
  let stop = tokenEnd(text, start, end);
  if (stop - start !== 2 || !(text.startsWith("IN", start) || text.startsWith("in", start))) return undefined;
  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  let family: Family;
  if (stop - start !== 3) return undefined;
  if (text.startsWith("IP4", start)) family = 4;
  else if (text.startsWith("IP6", start)) family = 6;
  else return undefined;
  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const address = addressIn(text, start, stop);
  if (address === undefined || address.includes(":") !== (family === 6)) return undefined;
  return skipBlanks(text, stop, end) === end ? { family, address } : undefined;
}

function bandwidth(text: string, from: number, end: number, holder: { bandwidth: Bandwidth | undefined }): void {
  const colon = positionOf(text, 0x3a, from, end);
  if (colon < 0) return;
  const value = decimal(text, colon + 1, end);
  if (value < 0) return;
  const type = text.slice(from, colon);
  switch (type) {
    case "AS":
    case "RR":
    case "RS":
    case "TIAS":
    case "CT":
      holder.bandwidth = { ...holder.bandwidth, [type]: value };
  }
}

/** Fills the section from an `m=` line; a text is the reason why it cannot. */
function mediaLine(text: string, from: number, end: number, section: Section): string | undefined {
  let start = skipBlanks(text, from, end);
  let stop = tokenEnd(text, start, end);
  if (stop === start) return "m= line without media type";
  section.type = text.slice(start, stop);

  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const slash = positionOf(text, 0x2f, start, stop);
  section.port = decimal(text, start, slash < 0 ? stop : slash);
  if (section.port < 0 || section.port > 65535) return "port in m= line is not 0-65535";
  if (slash >= 0) {
    section.portCount = decimal(text, slash + 1, stop);
    if (section.portCount < 1 || section.portCount > MAX_PORT_COUNT) {
      return `number of ports in m= line is not 1-${MAX_PORT_COUNT}`;
    }
  }

  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  if (stop === start) return "m= line without protocol";
  section.protocol = text.slice(start, stop);
  section.isRtp = isRtpProtocol(section.protocol);
  section.formatText = text.slice(skipBlanks(text, stop, end), end);
  return undefined;
}

/** Attributes that both levels understand the same way. False = not one of them. */
function commonAttribute(name: string, text: string, from: number, end: number, holder: Defaults): boolean {
  switch (name) {
    case "sendrecv":
    case "sendonly":
    case "recvonly":
    case "inactive":
      if (from < 0) holder.direction = name;
      return true;
    case "ice-ufrag":
      if (from >= 0 && from < end) holder.iceUfrag = text.slice(from, end);
      return true;
    case "ice-pwd":
      if (from >= 0 && from < end) holder.icePwd = text.slice(from, end);
      return true;
    case "ice-options":
      if (from >= 0) holder.iceOptions = [...holder.iceOptions, ...words(text, from, end)];
      return true;
    case "ice-lite":
      holder.iceLite = true;
      return true;
    case "fingerprint": {
      const value = from < 0 ? undefined : fingerprint(text, from, end);
      if (value) holder.fingerprint = value;
      return true;
    }
    case "setup": {
      const value = from < 0 ? "" : text.slice(from, end).toLowerCase();
      if (value === "active" || value === "passive" || value === "actpass" || value === "holdconn") {
        holder.setup = value;
      }
      return true;
    }
    case "tls-id":
      if (from >= 0 && from < end) holder.tlsId = text.slice(from, end);
      return true;
    case "extmap": {
      const extension = from < 0 ? undefined : extensionIn(text, from, end);
      if (extension) holder.extmap = [...holder.extmap, extension];
      return true;
    }
    case "extmap-allow-mixed":
      holder.extmapAllowMixed = true;
      return true;
    default:
      return false;
  }
}

function words(text: string, from: number, end: number): string[] {
  const list: string[] = [];
  let start = skipBlanks(text, from, end);
  while (start < end) {
    const stop = tokenEnd(text, start, end);
    list.push(text.slice(start, stop));
    start = skipBlanks(text, stop, end);
  }
  return list;
}

/** `<hash> <HEX:HEX…>` (RFC 8122 section 5): the hash in lower case, the value in upper case, so that they compare. */
function fingerprint(text: string, from: number, end: number): { hash: string; value: string } | undefined {
  const start = skipBlanks(text, from, end);
  const stop = tokenEnd(text, start, end);
  const first = skipBlanks(text, stop, end);
  const last = tokenEnd(text, first, end);
  const length = last - first;
  if (stop === start || length < 2 || length % 3 !== 2 || skipBlanks(text, last, end) !== end) return undefined;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(first + i);
    const lower = code | 0x20;
    const right =
      i % 3 === 2 ? code === 0x3a : (code >= 0x30 && code <= 0x39) || (lower >= 0x61 && lower <= 0x66 && code >= 0x41);
    if (!right) return undefined;
  }
  return { hash: text.slice(start, stop).toLowerCase(), value: text.slice(first, last).toUpperCase() };
}

/** Attributes we consume on either level that mean nothing where they stand or to us. */
function isConsumed(name: string, options: ParseOptions): boolean {
  switch (name) {
    case "mid":
    case "rtcp":
    case "rtcp-mux":
    case "rtcp-fb":
    case "rtpmap":
    case "fmtp":
    case "ptime":
    case "maxptime":
    case "crypto":
    case "candidate":
    case "ice-mismatch":
    case "remote-candidates":
    case "end-of-candidates":
    case "group":
    case "label":
    case "rtpengine":
    case "bundle-only":
      return true;
    default:
      return name.startsWith("T38") || name === options.mohAttrName;
  }
}

function isDirection(name: string): boolean {
  return name === "sendrecv" || name === "sendonly" || name === "recvonly" || name === "inactive";
}

function sessionAttribute(
  text: string,
  from: number,
  end: number,
  session: Session,
  defaults: Defaults,
  options: ParseOptions,
): void {
  const colon = positionOf(text, 0x3a, from, end);
  const name = text.slice(from, colon < 0 ? end : colon);
  if (name === "") return;
  const value = colon < 0 ? -1 : colon + 1;
  if (commonAttribute(name, text, value, end, defaults)) {
    if (options.keepDirection && value < 0 && isDirection(name)) session.others.push(name);
    return;
  }
  if (!isConsumed(name, options) || isGenericFeedback(name, text, value, end)) {
    session.others.push(text.slice(from, end));
    return;
  }
  if (name === "end-of-candidates") session.endOfCandidates = true;
  if (value < 0) return;
  switch (name) {
    case "group":
      session.groups.push(text.slice(value, end));
      break;
    case "rtpengine":
      session.loopIds.push(text.slice(value, end));
      break;
    case "candidate":
      if (options.fragment && session.candidates.length < MAX_CANDIDATES) {
        const candidate = candidateIn(text, value, end);
        if (candidate) session.candidates.push(candidate);
      }
      break;
  }
}

/** `rtcp-fb:*` is for all payload types and passes as it is. */
function isGenericFeedback(name: string, text: string, value: number, end: number): boolean {
  return (
    name === "rtcp-fb" && value >= 0 && text.charCodeAt(value) === 0x2a && tokenEnd(text, value, end) === value + 1
  );
}

function mediaAttribute(
  text: string,
  from: number,
  end: number,
  section: Section,
  tail: SectionTail,
  session: Session,
  options: ParseOptions,
): void {
  const colon = positionOf(text, 0x3a, from, end);
  const name = text.slice(from, colon < 0 ? end : colon);
  const whole = text.slice(from, end);
  section.all.push(whole);
  if (name === "") return;
  if (colon < 0) {
    switch (name) {
      case "sendrecv":
      case "sendonly":
      case "recvonly":
      case "inactive":
        section.direction = section.ownDirection = name;
        if (options.keepDirection) section.others.push(name);
        return;
      case "rtcp-mux":
        section.rtcpMux = true;
        return;
      case "end-of-candidates":
        section.endOfCandidates = true;
        return;
      case "bundle-only":
        section.bundleOnly = true;
        return;
    }
    if (!commonAttribute(name, text, -1, end, section) && !isConsumed(name, options)) section.others.push(whole);
    return;
  }

  const value = colon + 1;
  switch (name) {
    case "rtpmap":
      rtpmap(text, value, end, tail);
      return;
    case "fmtp": {
      const stop = tokenEnd(text, value, end);
      const payloadType = decimal(text, value, stop);
      const start = skipBlanks(text, stop, end);
      if (payloadType >= 0 && payloadType <= 127 && start < end) {
        tail.format(payloadType).fmtp = text.slice(start, end);
      }
      return;
    }
    case "rtcp-fb": {
      const stop = tokenEnd(text, value, end);
      const payloadType = decimal(text, value, stop);
      const start = skipBlanks(text, stop, end);
      if (payloadType >= 0 && payloadType <= 127) {
        if (start === end) return;
        const format = tail.format(payloadType);
        format.feedback = [...format.feedback, text.slice(start, end)];
      } else if (isGenericFeedback(name, text, value, end)) section.others.push(whole);
      return;
    }
    case "candidate": {
      tail.candidates ??= [];
      if (tail.candidates.length >= MAX_CANDIDATES) return;
      const candidate = candidateIn(text, value, end);
      if (candidate) tail.candidates.push(candidate);
      return;
    }
    case "crypto": {
      const crypto = cryptoIn(text, value, end);
      tail.crypto ??= [];
      if (crypto) tail.crypto.push(crypto);
      else session.warnings.push(`Ignoring malformed or unknown crypto attribute: '${whole}'`);
      return;
    }
    case "rtcp": {
      const explicit = rtcp(text, value, end);
      if (explicit) section.rtcp = explicit;
      else session.warnings.push(`Ignoring malformed rtcp attribute: '${whole}'`);
      return;
    }
    case "mid":
      if (value < end) section.mid = text.slice(value, end);
      return;
    case "label":
      if (value < end) section.label = text.slice(value, end);
      return;
    case "ptime":
      section.ptime ??= positive(text, value, end);
      return;
    case "maxptime":
      section.maxptime ??= positive(text, value, end);
      return;
  }
  if (!commonAttribute(name, text, value, end, section) && !isConsumed(name, options)) section.others.push(whole);
}

function positive(text: string, from: number, end: number): number | undefined {
  const value = decimal(text, from, end);
  return value > 0 ? value : undefined;
}

/** `<pt> <name>/<clock>[/<channels>]` (RFC 8866 section 6.6); anything else changes nothing. */
function rtpmap(text: string, from: number, end: number, tail: SectionTail): void {
  let stop = tokenEnd(text, from, end);
  const payloadType = decimal(text, from, stop);
  if (payloadType < 0 || payloadType > 127) return;
  const start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const slash = positionOf(text, 0x2f, start, stop);
  if (slash <= start) return;
  const second = positionOf(text, 0x2f, slash + 1, stop);
  const clockRate = decimal(text, slash + 1, second < 0 ? stop : second);
  if (clockRate <= 0) return;
  let channels: number | undefined;
  if (second >= 0) {
    const third = positionOf(text, 0x2f, second + 1, stop);
    channels = decimal(text, second + 1, third < 0 ? stop : third);
    if (channels < 1) return;
  }
  const format = tail.format(payloadType);
  format.name = text.slice(start, slash);
  format.clockRate = clockRate;
  format.channels = channels;
}

/** `<port>[ IN IP4|IP6 <address>]` (RFC 3605). */
function rtcp(text: string, from: number, end: number): { port: number; address: string | undefined } | undefined {
  const stop = tokenEnd(text, from, end);
  const port = decimal(text, from, stop);
  if (port < 1 || port > 65535) return undefined;
  if (skipBlanks(text, stop, end) === end) return { port, address: undefined };
  const address = connection(text, stop, end)?.address;
  return address === undefined ? undefined : { port, address };
}

/** Ends a section: hands session-level defaults down, joins formats, notes what is missing. */
function finish(
  section: Section,
  tail: SectionTail,
  defaults: Defaults,
  session: Session,
  incomplete: Incomplete,
  options: ParseOptions,
): void {
  section.connection ??= session.connection;
  if (!section.connection && !options.fragment && incomplete.offset < 0) {
    incomplete.offset = tail.offset;
    incomplete.reason = "no address for a media section";
  }
  section.direction ??= defaults.direction;
  section.iceUfrag ??= defaults.iceUfrag;
  section.icePwd ??= defaults.icePwd;
  if (section.iceOptions.length === 0) section.iceOptions = defaults.iceOptions;
  section.iceLite ||= defaults.iceLite;
  section.fingerprint ??= defaults.fingerprint;
  section.setup ??= defaults.setup;
  section.tlsId ??= defaults.tlsId;
  if (section.extmap.length === 0) section.extmap = defaults.extmap;
  section.extmapAllowMixed ||= defaults.extmapAllowMixed;
  section.endOfCandidates ||= session.endOfCandidates;
  if (tail.crypto) section.crypto = tail.crypto;
  if (tail.candidates) section.candidates = tail.candidates;
  section.rtcpMux ||= namesRtpItself(section);

  if (!section.isRtp) return;
  const formats = payloadFormats(section.formatText, tail);
  if (formats) section.formats = formats;
  else if (section.port !== 0 && incomplete.offset < 0) {
    incomplete.offset = tail.offset;
    incomplete.reason = "payload type is not 0-127";
  }
}

/** RTCP at the RTP port and address is multiplexing, except in the placeholder of trickle ICE (RFC 8840 section 4.3.2). */
function namesRtpItself({ rtcp: explicit, port, connection: own }: Section): boolean {
  if (!explicit || port === 0 || explicit.port !== port) return false;
  const address = explicit.address ?? own?.address;
  if (address !== own?.address) return false;
  return port !== 9 || (address !== "0.0.0.0" && address !== "::");
}

/** Formats in the order of the `m=` line, each number once; undefined when one is no payload type. */
function payloadFormats(list: string, tail: SectionTail): PayloadFormat[] | undefined {
  const formats: PayloadFormat[] = [];
  const end = list.length;
  let start = skipBlanks(list, 0, end);
  while (start < end) {
    const stop = tokenEnd(list, start, end);
    const payloadType = decimal(list, start, stop);
    if (payloadType < 0 || payloadType > 127) return undefined;
    const format = tail.formats?.get(payloadType) ?? DEFAULT_FORMATS[payloadType]!;
    if (!formats.includes(format)) formats.push(format);
    start = skipBlanks(list, stop, end);
  }
  return formats;
}

/** `a=candidate` values (RFC 8839 section 5.1), UDP only. */
import type { Candidate } from "./model.ts";
import { addressIn, decimal, skipBlanks, tokenEnd } from "./scan.ts";

/** Type preferences of ICE priorities (RFC 8445 section 5.1.2.2). */
export const TYPE_PREFERENCE: Readonly<Record<Candidate["type"], number>> = {
  host: 126,
  prflx: 110,
  srflx: 100,
  relay: 0,
};

/**
 * Parses a candidate value: the text after `a=candidate:`, or that with the prefix `candidate:` or `a=candidate:`, as
 * some trickle clients send it.
 *
 * @returns undefined for what is malformed or not for us: TCP, names instead of addresses (mDNS), unknown types.
 */
export function parseCandidate(value: string): Candidate | undefined {
  let from = value.startsWith("a=") ? 2 : 0;
  if (value.startsWith("candidate:", from)) from += 10;
  return candidateIn(value, from, value.length);
}

/** The same for part of a text. */
export function candidateIn(text: string, from: number, end: number): Candidate | undefined {
  let start = skipBlanks(text, from, end);
  let stop = tokenEnd(text, start, end);
  if (stop === start || stop - start > 32) return undefined;
  const foundation = text.slice(start, stop);

  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const component = decimal(text, start, stop);
  if (component < 1 || component > 256) return undefined;

  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  if (!isUdp(text, start, stop)) return undefined;

  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const priority = decimal(text, start, stop);
  if (priority < 0 || priority > 0xffffffff) return undefined;

  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const address = addressIn(text, start, stop);
  if (address === undefined) return undefined;

  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const port = decimal(text, start, stop);
  if (port < 0 || port > 65535) return undefined;

  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  if (stop - start !== 3 || !text.startsWith("typ", start)) return undefined;
  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const type = text.slice(start, stop);
  if (type !== "host" && type !== "srflx" && type !== "prflx" && type !== "relay") return undefined;

  // Name-value pairs follow; of these only the related address means something to us.
  let relatedAddress: string | undefined;
  let relatedPort = -1;
  for (;;) {
    start = skipBlanks(text, stop, end);
    if (start === end) break;
    stop = tokenEnd(text, start, end);
    const name = text.slice(start, stop);
    start = skipBlanks(text, stop, end);
    stop = tokenEnd(text, start, end);
    if (name === "raddr") relatedAddress = addressIn(text, start, stop);
    else if (name === "rport") relatedPort = decimal(text, start, stop);
  }
  const related =
    relatedAddress !== undefined && relatedPort >= 0 && relatedPort <= 65535
      ? { address: relatedAddress, port: relatedPort }
      : undefined;
  return { foundation, component, priority, endpoint: { address, port }, type, related };
}

function isUdp(text: string, from: number, end: number): boolean {
  return (
    end - from === 3 &&
    (text.charCodeAt(from) | 0x20) === 0x75 &&
    (text.charCodeAt(from + 1) | 0x20) === 0x64 &&
    (text.charCodeAt(from + 2) | 0x20) === 0x70
  );
}

/** The value as we print it: `<foundation> <component> UDP <priority> <addr> <port> typ <type>[ raddr … rport …]`. */
export function formatCandidate(candidate: Candidate): string {
  const { foundation, component, priority, endpoint, type, related } = candidate;
  const text = `${foundation} ${component} UDP ${priority} ${endpoint.address} ${endpoint.port} typ ${type}`;
  return related ? `${text} raddr ${related.address} rport ${related.port}` : text;
}

/**
 * Priority (RFC 8445 section 5.1.2.1) with the local preference `65535 - interface index`.
 *
 * @param interfaceIndex 0 for the first address of the logical interface
 * @param component 1 = RTP, 2 = RTCP
 */
export function candidatePriority(type: Candidate["type"], interfaceIndex: number, component: number): number {
  return TYPE_PREFERENCE[type] * 0x1000000 + (65535 - interfaceIndex) * 0x100 + (256 - component);
}

/** `a=remote-candidates` value (RFC 8839 section 5.2) of the selected pair's remote candidates, one per component. */
export function formatRemoteCandidates(candidates: readonly Candidate[]): string {
  return candidates.map(({ component, endpoint }) => `${component} ${endpoint.address} ${endpoint.port}`).join(" ");
}

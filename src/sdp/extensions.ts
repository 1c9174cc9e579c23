/** RTP header extensions in SDP: `a=extmap` (RFC 8285). */
import type { HeaderExtension } from "./model.ts";
import { decimal, positionOf, skipBlanks, tokenEnd } from "./scan.ts";

/** Carries the mid of a bundled section in RTP (RFC 9143 section 16.2). */
export const MID_EXTENSION = "urn:ietf:params:rtp-hdrext:sdes:mid";

/** Parses the value of `a=extmap`: `<id>[/<direction>] <URI>[ <parameters>]`; undefined when malformed. */
export function extensionIn(text: string, from: number, end: number): HeaderExtension | undefined {
  const first = tokenEnd(text, from, end);
  const slash = positionOf(text, 0x2f, from, first);
  const id = decimal(text, from, slash < 0 ? first : slash);
  if (id < 1 || id > 65535) return undefined;
  const start = skipBlanks(text, first, end);
  const stop = tokenEnd(text, start, end);
  if (stop === start) return undefined;
  return {
    id,
    direction: slash < 0 ? "" : text.slice(slash, first),
    uri: text.slice(start, stop),
    parameters: text.slice(skipBlanks(text, stop, end), end),
  };
}

/** The value of `a=extmap`. */
export function formatExtension({ id, direction, uri, parameters }: HeaderExtension): string {
  return parameters === "" ? `${id}${direction} ${uri}` : `${id}${direction} ${uri} ${parameters}`;
}

/** What is offered on: the sender's extensions less the stripped and the masked ones (URIs, or `all`). */
export function offerExtensions(
  extensions: readonly HeaderExtension[],
  strip: readonly string[],
  mask: readonly string[],
): readonly HeaderExtension[] {
  if (extensions.length === 0 || (strip.length === 0 && mask.length === 0)) return extensions;
  return extensions.filter(({ uri }) => !names(strip, uri) && !names(mask, uri));
}

/**
 * What the offerer is told: of its own extensions those the answerer accepted too, and the masked ones, which only we
 * know. Ids are the offerer's; the order too.
 *
 * @param strip URIs removed from the answer itself
 * @param mask URIs masked in the offer
 */
export function answerExtensions(
  offered: readonly HeaderExtension[],
  answered: readonly HeaderExtension[],
  strip: readonly string[],
  mask: readonly string[],
): readonly HeaderExtension[] {
  const remaining: HeaderExtension[] = [];
  for (const extension of offered) {
    if (names(strip, extension.uri)) continue;
    const accepted = answered.find(({ uri }) => uri === extension.uri);
    if (accepted) remaining.push({ ...accepted, id: extension.id });
    else if (names(mask, extension.uri)) remaining.push({ ...extension, direction: reversed(extension.direction) });
  }
  return remaining;
}

function names(list: readonly string[], uri: string): boolean {
  return list.includes(uri) || list.includes("all");
}

/** An answer says the same from the other side (RFC 8285 section 7). */
function reversed(direction: string): string {
  if (direction === "/sendonly") return "/recvonly";
  return direction === "/recvonly" ? "/sendonly" : direction;
}

/**
 * Whether `a=extmap-allow-mixed` (RFC 8285 section 6) is printed: with extensions, unless the receiver itself has sent
 * extensions without it.
 *
 * @param receiver the receiver's last own section, undefined before it sent one
 */
export function allowMixed(
  extensions: readonly HeaderExtension[],
  receiver: { readonly extmap: readonly HeaderExtension[]; readonly extmapAllowMixed: boolean } | undefined,
): boolean {
  if (extensions.length === 0) return false;
  return receiver === undefined || receiver.extmap.length === 0 || receiver.extmapAllowMixed;
}

/** The list with the mid extension, added with the first free id where it is missing. */
export function withMidExtension(extensions: readonly HeaderExtension[]): readonly HeaderExtension[] {
  if (extensions.some(({ uri }) => uri === MID_EXTENSION)) return extensions;
  let id = 1;
  // 15 is reserved in one-byte headers (RFC 8285 section 4.2).
  while (id === 15 || extensions.some((extension) => extension.id === id)) id++;
  return [...extensions, { id, direction: "", uri: MID_EXTENSION, parameters: "" }];
}

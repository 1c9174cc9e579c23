/** SRTP in offer and answer: whether packets of a party are protected, by SDES or DTLS, and with which keys. */

import type { Fingerprint } from "../media/dtls/fingerprint.ts";
import { parseFingerprint } from "../media/dtls/fingerprint.ts";
import {
  answerSetup,
  needsNewAssociation,
  type PeerIdentity,
  parseSetup,
  parseTlsId,
  roleFromAnswer,
} from "../media/dtls/setup.ts";
import type { MediaDescription } from "../sdp/model.ts";
import { type SdesPolicy, sdesPolicy } from "../sdp/sdes.ts";
import { effectiveProfile, isOpportunistic, transportProfile } from "../sdp/transport.ts";
import type { MediaSection } from "./call.ts";
import { dtlsHost, rearm } from "./connectivity.ts";
import type { Directives } from "./directives.ts";
import { DtlsTransport } from "./dtls-transport.ts";
import type { Outbox } from "./outbox.ts";
import type { Protection } from "./protection.ts";
import { lineToAnswer, offeredLines, ownLine, printed, sameKeys, srtpKeysOf, usableLines } from "./sdes-lines.ts";

const NO_LINES = [] as const;
const ANYTHING: SdesPolicy = sdesPolicy([]);

function policyOf(words: readonly string[]): SdesPolicy {
  return words.length === 0 ? ANYTHING : sdesPolicy(words);
}

/** Suites that the offer's options allow at all; they hold for what is accepted from its sender too. */
function suiteFilters(words: readonly string[]): readonly string[] {
  return words.filter((word) => word.startsWith("only-") || (word.startsWith("no-") && word !== "no-"));
}

/**
 * Offer: what the receiver is shown.
 *
 * @param first the sender was never heard of before
 */
export function offerKeys(
  from: MediaSection,
  to: MediaSection,
  media: MediaDescription,
  first: boolean,
  directives: Directives,
  out: Outbox,
): void {
  const { dtls, osrtp, flags, sdes } = directives;
  const { protection: sender } = from;
  sender.dtlsRole = dtls === "passive" || dtls === "active" ? dtls : undefined;
  sender.acceptsOsrtp = osrtp.includes("accept") || osrtp.includes("accept-rfc");
  sender.suiteFilters = sdes.length === 0 ? NO_LINES : suiteFilters(sdes);
  const recrypt = flags.has("recrypt");
  sender.recrypt = recrypt;
  to.protection.recrypt = recrypt;
  if (flags.has("reset")) to.protection.refused = false;
  const opaque = to.passthrough !== undefined || !media.isRtp;
  if (first && !opaque && effectiveProfile(media)?.secure && from.carrier === from) sender.state = "pending";
  if (to.carrier !== to) return;
  const { protection } = to;
  protection.printed = NO_LINES;
  protection.setup = undefined;
  if (opaque || !speaksSrtp(to, media, directives)) return;
  const policy = policyOf(sdes);
  warnUnusable(from, media, out);
  if (!policy.off && protection.state !== "dtls") {
    const given = effectiveProfile(media)?.secure ? media.crypto : NO_LINES;
    protection.offered = offeredLines(given, protection.offered, policy, out.context.random);
    protection.printed = protection.offered;
  } else protection.offered = NO_LINES;
  if (dtls !== "off" && protection.state !== "sdes") offerDtls(to, out);
  if (protection.state === "plain" && to.description === undefined) protection.state = "pending";
  if (protection.printed.length === 0 && !protection.setup) {
    out.note(to, "warning", `${to.protocol} is asked for, but both SDES and DTLS are off`, "srtp");
  }
}

/** A secure profile, or opportunistic SRTP (RFC 8643): a plain name, keys all the same. */
function speaksSrtp(to: MediaSection, media: MediaDescription, { transport, osrtp }: Directives): boolean {
  if (transportProfile(to.protocol)?.secure) return true;
  const { state, refused } = to.protection;
  if (refused) return false;
  if (osrtp.includes("offer")) return true;
  return transport === undefined && (isOpportunistic(media) || state === "sdes" || state === "dtls");
}

function warnUnusable(section: MediaSection, { crypto }: MediaDescription, out: Outbox): void {
  const usable = usableLines(crypto);
  if (usable.length === crypto.length) return;
  for (const { tag, suite } of crypto.filter((line) => !usable.includes(line))) {
    out.logAt(section, "warning", `Ignoring a=crypto:${tag} ${suite}: its key is malformed`, "crypto");
  }
}

function componentsOf({ muxAgreed, ports }: MediaSection): 1 | 2 {
  return muxAgreed || !ports?.rtcp ? 1 : 2;
}

function offerDtls(to: MediaSection, out: Outbox): void {
  const { protection } = to;
  const { dtls: environment, random } = out.context;
  if (!environment) return;
  // Until the answer says otherwise we are the server: the answerer's handshake may overtake its SDP.
  protection.dtls ??= new DtlsTransport(environment, random, "passive", componentsOf(to));
  if (componentsOf(to) === 1) protection.dtls.dropComponent2(dtlsHost(to, out));
  protection.setup = "actpass";
}

/** Answer: the keys of both sides. `from`: the answerer. */
export function answerKeys(
  from: MediaSection,
  to: MediaSection,
  media: MediaDescription,
  directives: Directives,
  out: Outbox,
): void {
  if (directives.flags.has("recrypt")) {
    from.protection.recrypt = true;
    to.protection.recrypt = true;
  }
  const opaque = to.passthrough !== undefined || !media.isRtp;
  if (from.carrier === from) {
    if (opaque) become(from, "plain", out);
    else settleAnswerer(from, media, directives, out);
  }
  if (to.carrier !== to) return;
  to.protection.printed = NO_LINES;
  to.protection.setup = undefined;
  if (opaque || !to.description) become(to, "plain", out);
  else settleOfferer(from.carrier, to, to.description, directives, out);
}

/** The answerer has chosen among what it was offered. */
function settleAnswerer(from: MediaSection, media: MediaDescription, directives: Directives, out: Outbox): void {
  const { protection } = from;
  const { preferSdes } = policyOf(directives.sdes);
  const offered = protection.offered.length > 0 || protection.dtls !== undefined;
  warnUnusable(from, media, out);
  const [line] = usableLines(media.crypto);
  const fingerprint = fingerprintIn(from, media, out);
  if (protection.dtls && fingerprint && !(line && preferSdes)) {
    settleDtlsAnswerer(from, media, fingerprint, out);
    become(from, "dtls", out);
    return;
  }
  const own =
    line &&
    (protection.offered.find(({ tag, suite }) => tag === line.tag && suite === line.suite) ??
      protection.offered.find(({ suite }) => suite === line.suite));
  if (line && own) {
    // What we protect with is what our own line said (RFC 4568 section 5.1.2).
    protection.answeredLine = line;
    setSdes(from, srtpKeysOf(line)!, srtpKeysOf(own)!, out);
    return;
  }
  const secure = effectiveProfile(media)?.secure ?? false;
  protection.refused = offered && !secure;
  if (!secure) {
    become(from, "plain", out);
    return;
  }
  out.note(from, "warning", "the answer has SRTP but no keys that were offered: no media can pass", "srtp");
  become(from, "failed", out);
}

function settleDtlsAnswerer(from: MediaSection, media: MediaDescription, fingerprint: Fingerprint, out: Outbox): void {
  const dtls = from.protection.dtls!;
  const host = dtlsHost(from, out);
  const { now } = out.context;
  if (from.muxAgreed) dtls.dropComponent2(host);
  const before = dtls.peer;
  const after: PeerIdentity & { readonly fingerprint: Fingerprint } = { fingerprint, tlsId: parseTlsId(media.tlsId) };
  const role = roleFromAnswer(parseSetup(media.setup));
  if (before.fingerprint && needsNewAssociation(before, after, restartedNow(from))) {
    // Our own tls-id is in the offer already.
    const { tlsId } = dtls;
    dtls.restart(role ?? dtls.role, after, now, host);
    dtls.tlsId = tlsId;
    out.note(from, "info", "DTLS: the answer is another peer's, beginning again", "crypto");
  } else {
    if (role && !before.fingerprint) dtls.settleRole(role, now, host);
    dtls.setPeer(after, now, host);
  }
}

/** The offerer is answered with what it offered. `from`: the carrier of the answerer's side. */
function settleOfferer(
  from: MediaSection,
  to: MediaSection,
  media: MediaDescription,
  directives: Directives,
  out: Outbox,
): void {
  const { protection } = to;
  const given = effectiveProfile(media)?.secure ?? false;
  const { state: answered } = from.protection;
  const declined = isOpportunistic(media) && !protection.acceptsOsrtp && answered !== "sdes" && answered !== "dtls";
  const secureName = transportProfile(to.protocol)?.secure ?? false;
  if (!given || declined || !(secureName || isOpportunistic(media))) {
    if (secureName && !given) {
      out.note(to, "warning", `${to.protocol} towards a party that offered no keys: media stays plain`, "srtp");
    }
    become(to, "plain", out);
    return;
  }
  const policy = policyOf([...protection.suiteFilters, ...directives.sdes]);
  const fingerprint = directives.dtls === "off" ? undefined : fingerprintIn(to, media, out);
  const hasLines = usableLines(media.crypto).length > 0;
  if (fingerprint && out.context.dtls && !(policy.preferSdes && hasLines)) {
    settleDtlsOfferer(to, media, fingerprint, out);
    return;
  }
  settleSdesOfferer(from.protection, to, media, policy, out);
}

function settleSdesOfferer(
  answerer: Protection,
  to: MediaSection,
  media: MediaDescription,
  policy: SdesPolicy,
  out: Outbox,
): void {
  const { protection } = to;
  const before = protection.state === "sdes" ? protection.sdes : undefined;
  const chosen = answerer.state === "sdes" ? answerer.sdes : undefined;
  const line = lineToAnswer(media.crypto, chosen?.inbound.suite.name, before?.inbound.suite.name, policy);
  const inbound = line && srtpKeysOf(line);
  if (!line || !inbound) {
    out.note(to, "warning", "the offer has SRTP but no keys that may be used: no media can pass", "srtp");
    become(to, "failed", out);
    return;
  }
  if (chosen && sameKeys(chosen.outbound, inbound)) {
    const answered = answerer.answeredLine;
    if (answered) {
      protection.printed = [printed({ ...answered, suite: line.suite }, line.tag, policy)];
      setSdes(to, inbound, chosen.inbound, out);
      return;
    }
  }
  // The key of an earlier answer stays: a 200 repeats its 183, and counters go on.
  const kept = protection.ownLine?.suite === line.suite ? protection.ownLine : undefined;
  const own = kept ?? ownLine(line.tag, line.suite, policy, out.context.random);
  protection.ownLine = { ...own, tag: line.tag };
  protection.printed = [protection.ownLine];
  setSdes(to, inbound, srtpKeysOf(own)!, out);
}

function settleDtlsOfferer(to: MediaSection, media: MediaDescription, fingerprint: Fingerprint, out: Outbox): void {
  const { protection } = to;
  const { context } = out;
  const { now } = context;
  const host = dtlsHost(to, out);
  const preference = protection.dtlsRole ?? (out.state.settings.dtlsPassive ? "passive" : undefined);
  const after = { fingerprint, tlsId: parseTlsId(media.tlsId) };
  const { dtls } = protection;
  const fresh = !dtls?.peer.fingerprint;
  const again = dtls !== undefined && !fresh && needsNewAssociation(dtls.peer, after, restartedNow(to));
  const current = fresh || again ? undefined : dtls?.role;
  const { setup, role } = answerSetup(parseSetup(media.setup), preference, current);
  protection.setup = setup;
  if (!role) {
    become(to, "pending", out);
    return;
  }
  if (!dtls) {
    protection.dtls = new DtlsTransport(context.dtls!, context.random, role, componentsOf(to));
    protection.dtls.setPeer(after, now, host);
  } else {
    if (componentsOf(to) === 1) dtls.dropComponent2(host);
    if (again) {
      out.note(to, "info", "DTLS: the peer asks for a new association", "crypto");
      dtls.restart(role, after, now, host);
    } else {
      if (fresh) dtls.settleRole(role, now, host);
      dtls.setPeer(after, now, host);
    }
  }
  become(to, "dtls", out);
}

function restartedNow({ ice, leg }: MediaSection): boolean {
  return ice.restartedIn === leg.call.generation;
}

function fingerprintIn(section: MediaSection, { fingerprint }: MediaDescription, out: Outbox): Fingerprint | undefined {
  if (!fingerprint) return undefined;
  const parsed = parseFingerprint(fingerprint);
  if (typeof parsed !== "string") return parsed;
  out.note(section, "warning", `Ignoring the fingerprint: ${parsed}`, "crypto");
  return undefined;
}

function setSdes(section: MediaSection, inbound: ReturnType<typeof srtpKeysOf>, outbound: typeof inbound, out: Outbox) {
  const { protection } = section;
  if (!inbound || !outbound) return;
  const { sdes } = protection;
  // The same keys again are the same objects again: whoever compares them by identity sees no change.
  protection.sdes = {
    inbound: sdes && sameKeys(sdes.inbound, inbound) ? sdes.inbound : inbound,
    outbound: sdes && sameKeys(sdes.outbound, outbound) ? sdes.outbound : outbound,
  };
  become(section, "sdes", out);
}

function become(section: MediaSection, state: Protection["state"], out: Outbox): void {
  const { protection } = section;
  if (state !== "dtls" && state !== "pending" && protection.dtls) {
    protection.dtls.close(dtlsHost(section, out));
    protection.dtls = undefined;
    rearm(section, out);
  }
  if (state !== "sdes") protection.sdes = undefined;
  if (protection.state === state) return;
  protection.state = state;
  if (state === "sdes") out.note(section, "info", `SRTP with SDES, ${protection.sdes!.inbound.suite.name}`, "srtp");
  if (state === "dtls") out.note(section, "info", `SRTP with DTLS, we are ${roleText(protection)}`, "srtp");
}

function roleText({ dtls }: Protection): string {
  return dtls?.role === "active" ? "the client" : "the server";
}

/**
 * Why there is no audio: what was counted and what is known about one stream, turned into one cause with a sentence and a
 * cure. Pure, and the only place where this is judged: `query`, `sluice doctor CALLID`, the log line of a call that ends
 * one-way, API and dashboard all show its answer.
 *
 * A verdict is about one direction: from the party behind this socket to the parties that receive from it.
 */
import { type Endpoint, formatEndpoint, isZeroAddress } from "../address.ts";
import type { DropReason, StreamCounters } from "../planes/plane.ts";
import { reachOf } from "./reach.ts";
import { type SendRefusal, sendRefusal } from "./send-refusal.ts";

export const CAUSES = [
  "ok",
  // Silence that signalling asked for.
  "held",
  "rejected",
  "blocked",
  "shared-port",
  // Too early to say.
  "not-answered",
  "just-signalled",
  // Towards us.
  "nothing-received",
  "media-stopped",
  "old-port",
  "strict-source",
  "wrong-source",
  "not-rtp",
  "oversize",
  "overload",
  "ice-not-nominated",
  "dtls-not-finished",
  "keys-missing",
  "srtp-authentication",
  "srtp-replay",
  // Away from us.
  "sink-unknown",
  "not-learned",
  "no-route",
  "send-refused",
  "send-failed",
] as const;
export type Cause = (typeof CAUSES)[number];

/** `expected`: silent because signalling says so. `waiting`: nothing is wrong so far. */
export type VerdictState = "ok" | "expected" | "waiting" | "fault";

export interface Verdict {
  readonly cause: Cause;
  readonly state: VerdictState;
  /** A whole sentence; byte string like all texts of a call. */
  readonly finding: string;
  /** What to do about it; empty where there is nothing to do. */
  readonly fix: string;
}

/** What is counted of a socket; planes that cannot tell leave the optional parts of {@link StreamCounters} out. */
export type Counted = StreamCounters & { readonly handedUp?: number };

/** One direction of one stream as the call core knows it. Times are Unix milliseconds. */
export interface StreamFacts {
  readonly now: number;
  /** Last offer or answer of the call. */
  readonly lastSignal: number;
  /** Tag of the party, or what stands for it. */
  readonly party: string;
  readonly component: "rtp" | "rtcp";
  readonly isRtp: boolean;
  /** Where the party was told to send to; undefined = it was not told yet. */
  readonly local: Endpoint | undefined;
  /** From signalling. */
  readonly signalled: Endpoint | undefined;
  /** Both SDPs of this stream are known. */
  readonly answered: boolean;
  /** The party declared that it sends. */
  readonly sends: boolean;
  /** It gave the zero address: hold as of RFC 2543. */
  readonly held: boolean;
  readonly rejected: boolean;
  /** RTCP on a port of its own is not used: it shares that of RTP. */
  readonly sharesPort: boolean;
  /** `block media` for the party, `drop-traffic` for the call. */
  readonly blocked: boolean;
  readonly dropTraffic: boolean;
  readonly strictSource: boolean;
  readonly counters: Counted;
  /** Last packet on the RTCP port beside, on earlier ports of the section; 0 = none. */
  readonly companionLastPacketAt: number;
  readonly retiredLastPacketAt: number;
  /** Undefined: no ICE, no DTLS on this stream. */
  readonly ice?: IceState | undefined;
  readonly dtls?: DtlsState | undefined;
  readonly sinks: readonly SinkFacts[];
}

/** `failed`: every pair of candidates was tried. */
export type IceState = "gathering" | "checking" | "nominated" | "failed";
export type DtlsState = "waiting" | "handshake" | "finished" | "failed" | "fingerprint-mismatch";

/** A party that receives this stream. */
export interface SinkFacts {
  readonly party: string;
  /** Zero address: hold as of RFC 2543. */
  readonly held: boolean;
  readonly natWait: boolean;
  /** The address that SDP names is used whatever the source is: `asymmetric`, or learning switched off. */
  readonly fixedAddress: boolean;
  /** Address of ours that media leave from, as shown to the party. */
  readonly local: Endpoint;
  readonly signalled: Endpoint | undefined;
  readonly ice?: IceState | undefined;
  readonly counters: Counted;
}

/** Media takes this long to begin after signalling, and is missed after this long. Milliseconds. */
const PATIENCE = 3_000;
/** Between the last packet let through and the last one dropped: longer means that nothing gets through now. */
const RUN = 500;

export function verdict(facts: StreamFacts): Verdict {
  return (
    signalledSilence(facts) ?? reception(facts) ?? obstacle(facts) ?? ending(facts) ?? delivery(facts) ?? flowing(facts)
  );
}

function signalledSilence(facts: StreamFacts): Verdict | undefined {
  const { party, component, counters, sinks } = facts;
  if (facts.rejected) return expected("rejected", `The m= line of ${name(party)} is switched off (port 0).`);
  if (facts.sharesPort)
    return expected(
      "shared-port",
      `${name(party)} agreed to send RTCP on its RTP port (rtcp-mux); this one is unused.`,
    );
  if (facts.dropTraffic) {
    return expected(
      "blocked",
      "All media of this call is dropped, as the SIP proxy asked (drop-traffic).",
      "Have the proxy send `start traffic`, or the next offer without drop-traffic.",
    );
  }
  if (facts.blocked) {
    return expected(
      "blocked",
      `Media of ${name(party)} is dropped, as the SIP proxy asked (block media).`,
      "Have the proxy send `unblock media` for this party.",
    );
  }
  if (!facts.sends && component === "rtp") {
    const dropped = counters.drops.blackhole;
    const but = dropped > 0 ? ` Even so it sent ${packets(dropped)}, which were dropped.` : "";
    return expected(
      "held",
      `${name(party)} declared that it does not send (recvonly or inactive): a hold, or one direction only.${but}`,
      dropped > 0
        ? "If it should be heard, its SDP must say sendrecv or sendonly: look at the last offer and answer."
        : "",
    );
  }
  if (facts.held && counters.packetsIn === 0) {
    return expected("held", `${name(party)} put the call on hold (zero address in its SDP) and sends nothing.`);
  }
  // One receiver on hold among several is its own affair.
  if (sinks.length > 0 && sinks.every(({ held }) => held)) {
    return expected(
      "held",
      `${list(sinks)} ${sinks.length === 1 ? "is" : "are"} on hold (zero address in its SDP): nothing is sent there.`,
    );
  }
  return undefined;
}

/** Whether anything comes in that could be media. */
function reception(facts: StreamFacts): Verdict | undefined {
  const { counters, party, component, now, lastSignal, ice, dtls, local } = facts;
  const early = now - lastSignal < PATIENCE;
  const seconds = Math.round((now - lastSignal) / 1_000);
  const media = counters.packetsIn - (counters.handedUp ?? 0);
  if (ice !== undefined && ice !== "nominated") {
    if (early && ice !== "failed") return waiting("just-signalled", `ICE with ${name(party)} is at work.`);
    const checks = (counters.handedUp ?? 0) > 0;
    const heard = checks
      ? "its checks arrive, but none succeeded"
      : `none of its checks arrived${media > 0 ? ", although media does" : ""}`;
    return fault(
      "ice-not-nominated",
      ice === "failed"
        ? `ICE with ${name(party)} failed: no pair of candidates works.`
        : `ICE with ${name(party)} has no nominated pair after ${seconds} s: ${heard}.`,
      `Check that UDP ${at(local)} is reachable from the party, that its SDP has candidates which reach us (a TURN server behind strict NAT), and that the proxy passes ice-ufrag and ice-pwd of both sides unchanged.`,
    );
  }
  if (dtls !== undefined && dtls !== "finished") {
    if (dtls === "fingerprint-mismatch") {
      return fault(
        "dtls-not-finished",
        `DTLS with ${name(party)} was refused: its certificate is not the one that its SDP announced (a=fingerprint).`,
        "Something between changed SDP or media: look for a second media proxy, and for an answer that belongs to another branch.",
      );
    }
    if (early && dtls !== "failed") return waiting("just-signalled", `DTLS with ${name(party)} is at work.`);
    return fault(
      "dtls-not-finished",
      `The DTLS handshake with ${name(party)} ${dtls === "failed" ? "failed" : `has not finished after ${seconds} s`}: there are no keys.`,
      "Check a=setup (one side must be active), a=fingerprint, and whether UDP packets of up to 1500 bytes pass.",
    );
  }
  if (media > 0) return undefined;
  if (component === "rtcp") return expected("nothing-received", `No RTCP from ${name(party)}. Audio does not need it.`);
  if (!facts.answered)
    return waiting("not-answered", `No media from ${name(party)} so far: the call is not answered yet.`);
  if (early) return waiting("just-signalled", `No media from ${name(party)} so far, ${seconds} s after signalling.`);
  if (now - facts.retiredLastPacketAt < PATIENCE) return oldPort(facts);
  const rtcp =
    facts.companionLastPacketAt > 0
      ? " Its RTCP arrives, so the way is open: the party does not send RTP, or a filter passes only odd ports."
      : "";
  return fault(
    "nothing-received",
    `Nothing was received from ${name(party)} on ${at(local)} in ${seconds} s.${rtcp}`,
    `${unreachable(local, facts.signalled)}Check the firewall for UDP to ${at(local)} (\`sluice doctor\` reads this host's rules) and that the SDP which the party got shows ${at(local)}.`,
  );
}

/** Media came and went through, and comes no more. */
function ending(facts: StreamFacts): Verdict | undefined {
  const { now, counters, component, party } = facts;
  const silence = counters.lastPacketAt === 0 ? 0 : now - counters.lastPacketAt;
  if (component === "rtcp" || silence < PATIENCE || !facts.answered) return undefined;
  if (now - facts.retiredLastPacketAt < PATIENCE) return oldPort(facts);
  return fault(
    "media-stopped",
    `${name(party)} sent ${packets(counters.packetsIn)}, the last one ${Math.round(silence / 1_000)} s ago.`,
    "Ask the party's side: silence suppression, a re-INVITE that it did not follow, a lost network, or NAT that forgot the mapping.",
  );
}

function oldPort({ party, local }: StreamFacts): Verdict {
  return fault(
    "old-port",
    `${name(party)} still sends to a port of an earlier offer or answer and nothing to ${at(local)}.`,
    "The party did not follow the last SDP: check that the re-INVITE (or its answer) reached it with our address.",
  );
}

/** An address in SDP that the party cannot reach from where it says it is. */
function unreachable(local: Endpoint | undefined, remote: Endpoint | undefined): string {
  if (!local || !remote) return "";
  const ours = reachOf(local.address);
  const theirs = reachOf(remote.address);
  if (ours === theirs || ours === "public" || theirs === "loopback" || theirs === "unusable") return "";
  return `The party was told the ${ours} address ${local.address}, but is itself at ${remote.address}: configure \`interface = ${local.address}!PUBLIC-ADDRESS\`. `;
}

/** Packets come in and are not let through. */
function obstacle(facts: StreamFacts): Verdict | undefined {
  const reason = blockingDrop(facts);
  if (reason === undefined) return undefined;
  const { party, counters, signalled, local, sinks } = facts;
  const count = counters.drops[reason];
  const who = name(party);
  switch (reason) {
    case "strict-source": {
      const from = counters.otherSource ? ` from ${formatEndpoint(counters.otherSource)}` : " from elsewhere";
      const right = counters.endpoint ?? signalled;
      return fault(
        "strict-source",
        `${packets(count)} of ${who} were dropped by strict source: they come${from}, only ${right ? formatEndpoint(right) : "the signalled address"} is accepted.`,
        "If the party is behind NAT or changes its address, take `strict-source` out of the proxy's flags or add `media-handover`; otherwise the sender is not the party.",
      );
    }
    case "not-validated": {
      const from = counters.otherSource ? ` (${formatEndpoint(counters.otherSource)})` : "";
      return fault(
        "wrong-source",
        `${packets(count)} came from an address${from} that answered no ICE check of ${who} and were dropped.`,
        "Look for another media proxy or NAT between that changes the address of media but not of ICE checks.",
      );
    }
    case "srtp-authentication":
      return fault(
        "srtp-authentication",
        `SRTP authentication fails for ${packets(count)} of ${who}: the key is not the one from its SDP, or something on the way changes packets.`,
        "Compare a=crypto (or the DTLS fingerprint) of offer and answer at both ends; a proxy that keeps an older answer, or a re-INVITE whose new key was not passed on, are the usual reasons.",
      );
    case "srtp-replay":
      return fault(
        "srtp-replay",
        `${packets(count)} of ${who} were dropped as repetitions (SRTP replay protection).`,
        "Look for a network that duplicates packets, or a sender that restarted its sequence numbers under the same key.",
      );
    case "awaiting-keys":
      return fault(
        "keys-missing",
        `Encryption was agreed, but there are no keys yet: ${packets(count)} of ${who} were dropped.`,
        "Look at the DTLS handshake and the a=crypto lines of both parties: one side has not finished.",
      );
    case "invalid-rtp":
    case "feedback-only":
      return reason === "feedback-only"
        ? undefined
        : fault(
            "not-rtp",
            `${packets(count)} of ${who} are neither RTP nor RTCP.`,
            "Something else is sent to the media port: T.38 that was not negotiated, another protocol, or a scanner.",
          );
    case "oversize":
      return fault(
        "oversize",
        `${packets(count)} of ${who} are larger than a media packet may be.`,
        "Lower the packet size (ptime, video payload size) of the sender.",
      );
    case "hand-up-full":
      return fault(
        "overload",
        `${packets(count)} of ${who} for ICE or DTLS were dropped: the main thread does not keep up.`,
        "Look at the load of the host (`sluice doctor`).",
      );
    case "no-sink":
      return facts.answered
        ? fault(
            "sink-unknown",
            `Nobody receives from ${who}: ${packets(count)} were dropped because no other party has a working stream.`,
            "Check that offer and answer carried the same call-id and tags to us, and that the other side did not refuse the m= line.",
          )
        : notAnswered(facts, "sink-unknown");
    case "no-destination": {
      const open = sinks.filter(({ held }) => !held);
      const searching = open.find(({ ice }) => ice !== undefined && ice !== "nominated");
      if (searching && facts.answered) {
        return fault(
          "ice-not-nominated",
          `Media for ${name(searching.party)} has no way out: ICE with it has no nominated pair.`,
          "See the verdict on what comes from that party.",
        );
      }
      return facts.answered
        ? fault(
            "sink-unknown",
            `It is not known where ${list(open.length > 0 ? open : sinks)} receives: its SDP named no usable address.`,
            "Look at c= and m= of that party's last SDP, as it reached us.",
          )
        : notAnswered(facts, "sink-unknown");
    }
    case "nat-wait":
      return fault(
        "not-learned",
        `The address of ${list(sinks)} is not learned yet: with NAT-wait nothing is sent before it sends something to ${at(sinks[0]?.local ?? local)}.`,
        "The party must send first: see its own verdict; without NAT-wait media would go to the address in its SDP.",
      );
    case "drop-traffic":
    case "blackhole":
      // Of an earlier time: now signalling asks for no silence.
      return undefined;
    default:
      return undefined;
  }
}

function notAnswered({ party, sinks, counters, lastSignal, now }: StreamFacts, cause: Cause): Verdict {
  const to = sinks.length > 0 ? `${list(sinks)} has not answered` : "there is no other party yet";
  const seconds = Math.round((now - lastSignal) / 1_000);
  return fault(
    cause,
    `${name(party)} sends (${packets(counters.packetsIn)}), but ${to}: the daemon got no answer in ${seconds} s.`,
    "If the call is up, the proxy did not send `answer` for it: call rtpengine_manage or rtpengine_answer in the reply route (and for 183 with SDP).",
  );
}

/** The reason of drops that nothing got past lately; undefined when packets get through. */
function blockingDrop({ counters, sinks }: StreamFacts): DropReason | undefined {
  const { drops, lastDrop, lastDropAt } = counters;
  const sentAt = Math.max(0, ...sinks.map((sink) => sink.counters.lastSentAt ?? 0));
  if (lastDrop !== undefined && lastDropAt !== undefined && lastDropAt > 0) {
    return lastDropAt - sentAt > RUN ? lastDrop : undefined;
  }
  // A plane without times: what most packets suffered.
  let [most, count, all] = [undefined as DropReason | undefined, 0, 0];
  for (const [reason, dropped] of Object.entries(drops) as [DropReason, number][]) {
    if (reason === "send-failed") continue;
    all += dropped;
    if (dropped > count) [most, count] = [reason, dropped];
  }
  return all * 2 > counters.packetsIn ? most : undefined;
}

/** Packets are let through; whether they leave, and to the right place. */
function delivery(facts: StreamFacts): Verdict | undefined {
  if (facts.component === "rtcp" && facts.counters.packetsIn === 0) return undefined;
  if (facts.sinks.length === 0) {
    return facts.answered || facts.counters.packetsIn === 0
      ? fault(
          "sink-unknown",
          `Nobody receives from ${name(facts.party)}: no other party has a working stream.`,
          "Check that offer and answer carried the same call-id and tags to us, and that the other side did not refuse the m= line.",
        )
      : notAnswered(facts, "sink-unknown");
  }
  for (const sink of facts.sinks) {
    const wrong = sending(sink) ?? misdirected(sink, facts.now);
    if (wrong) return wrong;
  }
  return undefined;
}

function sending(sink: SinkFacts): Verdict | undefined {
  const { counters, signalled, party } = sink;
  const { sendErrno, sendFailedAt, lastSentAt, errorsOut, packetsOut } = counters;
  const failing =
    sendFailedAt === undefined ? errorsOut > packetsOut : sendFailedAt > 0 && sendFailedAt > (lastSentAt ?? 0) - RUN;
  if (!failing) return undefined;
  const to = counters.endpoint ?? signalled;
  const where = `${to ? formatEndpoint(to) : "its address"} (${name(party)})`;
  const refusal: SendRefusal = sendRefusal(sendErrno, sink.local.address);
  return fault(refusal.cause, `Packets to ${where} do not leave this host: ${refusal.words}.`, refusal.fix);
}

/** Packets leave, but the party is somewhere else. */
function misdirected({ counters, signalled, party, local, fixedAddress }: SinkFacts, now: number): Verdict | undefined {
  const { endpoint, otherSource, otherSourceAt, packetsIn, packetsOut } = counters;
  if (endpoint && otherSource && otherSourceAt !== undefined && now - otherSourceAt < PATIENCE) {
    const why = fixedAddress
      ? "learning is switched off for it"
      : "that endpoint was settled before: another device, or an earlier packet, took its place";
    return fault(
      "wrong-source",
      `Media for ${name(party)} goes to ${formatEndpoint(endpoint)}, but its own packets come from ${formatEndpoint(otherSource)}: ${why}.`,
      fixedAddress
        ? "Take `asymmetric` or `endpoint-learning=off` out of the flags for a party behind NAT."
        : "A new offer or answer starts learning again; `media-handover` follows a party that moves; `strict-source` keeps others out.",
    );
  }
  if (packetsIn === 0 && packetsOut > 0 && signalled && !counters.confirmed) {
    const reach = reachOf(signalled.address);
    if (reach === "public" || reach === "loopback" || reachOf(local.address) !== "public") return undefined;
    return fault(
      "not-learned",
      `Media for ${name(party)} goes to ${formatEndpoint(signalled)}, a ${reach} address from its SDP: its real address is not learned yet, because nothing came from it.`,
      "The party must send first: see its own verdict. With `SIP-source-address` the address of its SIP messages is used until then.",
    );
  }
  return undefined;
}

function flowing({ party, counters, sinks }: StreamFacts): Verdict {
  // What could not be sent is counted here, but belongs to the other direction.
  const dropped = Object.entries(counters.drops).filter(([reason, count]) => count > 0 && reason !== "send-failed");
  const note =
    dropped.length > 0 ? ` Dropped so far: ${dropped.map(([reason, count]) => `${reason} ${count}`).join(", ")}.` : "";
  const to = sinks.length > 0 ? ` to ${list(sinks)}` : "";
  return {
    cause: "ok",
    state: "ok",
    finding: `Packets flow from ${name(party)}${to} (${packets(counters.packetsIn)}).${note}`,
    fix: "",
  };
}

function fault(cause: Cause, finding: string, fix: string): Verdict {
  return { cause, state: "fault", finding, fix };
}

function waiting(cause: Cause, finding: string): Verdict {
  return { cause, state: "waiting", finding, fix: "" };
}

function expected(cause: Cause, finding: string, fix = ""): Verdict {
  return { cause, state: "expected", finding, fix };
}

const name = (party: string) => (party.startsWith("<") ? party : `'${party}'`);
const list = (sinks: readonly SinkFacts[]) =>
  sinks.length > 0 ? sinks.map(({ party }) => name(party)).join(", ") : "the other party";
const packets = (count: number) => `${count} packet${count === 1 ? "" : "s"}`;

function at(local: Endpoint | undefined): string {
  return local && !isZeroAddress(local.address) ? formatEndpoint(local) : "our port";
}

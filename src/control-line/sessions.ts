/** `list sessions …` and the description of one call. */
import type { Endpoint } from "../address.ts";
import { formatEndpoint } from "../address.ts";
import type { CallSummary, CallView, LegView, StreamView } from "../call/views.ts";
import { fromByteString } from "../ng/json.ts";
import type { Operator } from "./operator.ts";
import type { Json, Word } from "./tree.ts";

const NO_SESSIONS: Readonly<Record<string, string>> = {
  all: "No sessions on this media relay.\n",
  own: "No own sessions on this media relay.\n",
  foreign: "No foreign sessions on this media relay.\n",
  recording: "No recording sessions on this media relay.\n",
};

export const LIST_SESSIONS: Word<Operator> = {
  word: "sessions",
  params: "<callid> | all | own | foreign | recording",
  help: "one call in full, or a line for each call",
  needsArgument: true,
  run(operator, argument) {
    const nothing = NO_SESSIONS[argument];
    if (nothing === undefined) {
      const call = operator.call(argument);
      return call ? callText(call, operator.now()) : `\nCall ID not found (${argument}).\n\n`;
    }
    // No call is kept for another node, and none is recorded.
    if (argument === "foreign" || argument === "recording") return nothing;
    let text = "";
    for (const call of operator.calls()) text += summaryLine(call);
    return text === "" ? nothing : text;
  },
  data(operator, argument) {
    if (NO_SESSIONS[argument] === undefined) {
      const call = operator.call(argument);
      return call ? callData(call) : { error: `Call ID not found (${argument})` };
    }
    if (argument === "foreign" || argument === "recording") return [];
    return Array.from(operator.calls(), summaryData);
  },
};

function summaryLine({ callId, deleting, createdAt, createdBy }: CallSummary): string {
  return (
    `ID: ${callId.padStart(60)} | del:${deleting ? "y" : "n"} | creat:${String(seconds(createdAt)).padStart(12)}` +
    ` | prx:${createdBy} | redis:-1 | frgn:n | rec:n\n`
  );
}

export function callText(call: CallView, now: number): string {
  const lines = [
    "",
    `callid: ${call.callId}`,
    `deletionmark: ${call.deleting ? "yes" : "no"}`,
    `created: ${seconds(call.createdAt)}`,
    `proxy: ${call.createdBy}`,
    `tos: ${call.tos}`,
    `last_signal: ${seconds(call.lastSignal)}`,
    "redis_keyspace: -1",
    "last redis update: 0",
    "foreign: no",
    "recording: no",
    "",
  ];
  const legs = call.legs.map((leg) => legText(leg, now)).join("");
  return `${lines.join("\n")}\n${legs}\n`;
}

/** The block of one party. */
export function legText(leg: LegView, now: number): string {
  const duration = (Math.max(0, now - leg.createdAt) / 1000).toFixed(6);
  const lines = [
    `--- Tag '${leg.tag}', type: ${leg.role}, label '${leg.label}', branch '${leg.viaBranch}', callduration ${duration}`,
  ];
  if (leg.aliases.length > 0) lines.push(`---     Aliases: ${leg.aliases.map((alias) => `'${alias}'`).join(", ")}`);
  for (const { tag, index } of leg.receivesFrom) {
    lines.push(`---     subscribed to media with monologue tag '${tag}' (index: ${index})`);
  }
  for (const { tag, index } of leg.sendsTo) {
    lines.push(`---     subscription of media with monologue tag '${tag}' (index: ${index})`);
  }
  for (const { index, type, protocol, codec, streams } of leg.sections) {
    lines.push(`------ Media #${index} (${type} over ${protocol}) using ${codec ?? "unknown codec"}`);
    for (const stream of streams) lines.push(streamLine(stream));
  }
  return `${lines.join("\n")}\n`;
}

function streamLine({ component, local, remote, counters }: StreamView): string {
  const { ssrc, packetsIn, bytesIn, errorsIn, lastPacketAt } = counters;
  return (
    `-------- Port ${padded(local)} <> ${padded(remote ?? { address: "", port: 0 })}` +
    `${component === "rtcp" ? " (RTCP)" : ""}, SSRC ${(ssrc ?? 0).toString(16)}, ` +
    `${packetsIn} p, ${bytesIn} b, ${errorsIn} e, ${seconds(lastPacketAt)} uts 0 kts`
  );
}

const padded = ({ address, port }: Endpoint): string => `${address.padStart(15)}:${String(port).padEnd(5)}`;
const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);

// The same as data. Texts are UTF-8 where they are.

export function summaryData(call: CallSummary): { readonly [key: string]: Json | undefined } {
  return {
    callId: fromByteString(call.callId),
    created: call.createdAt / 1000,
    createdBy: call.createdBy,
    lastSignal: call.lastSignal / 1000,
    deleting: call.deleting,
    parties: call.parties,
    metadata: call.metadata === undefined ? undefined : fromByteString(call.metadata),
  };
}

export function callData(call: CallView): Json {
  const timeline = call.journal.map(({ at, tag, section, text }) => ({
    at: at / 1000,
    tag: fromByteString(tag),
    section,
    text: fromByteString(text),
  }));
  return { ...summaryData(call), tos: call.tos, legs: call.legs.map(legData), timeline };
}

function legData(leg: LegView): Json {
  const relations = (list: LegView["sendsTo"]): Json =>
    list.map(({ tag, index }) => ({ tag: fromByteString(tag), index }));
  return {
    tag: fromByteString(leg.tag),
    role: leg.role,
    label: fromByteString(leg.label),
    viaBranch: fromByteString(leg.viaBranch),
    aliases: leg.aliases.map(fromByteString),
    created: leg.createdAt / 1000,
    receivesFrom: relations(leg.receivesFrom),
    sendsTo: relations(leg.sendsTo),
    media: leg.sections.map(({ streams, codec, type, protocol, ...section }) => ({
      ...section,
      type: fromByteString(type),
      protocol: fromByteString(protocol),
      codec: codec === undefined ? undefined : fromByteString(codec),
      streams: streams.map(streamData),
    })),
  };
}

function streamData({ component, local, remote, signalled, retired, counters, verdict, ...stream }: StreamView): Json {
  const text = (endpoint: Endpoint | undefined) => (endpoint ? formatEndpoint(endpoint) : undefined);
  const { ssrc, lastPacketAt, drops } = counters;
  return {
    component,
    interface: stream.interface,
    local: text(local),
    remote: text(remote),
    signalled: text(signalled),
    confirmed: counters.confirmed,
    retired,
    ssrc,
    payloadType: counters.payloadType,
    received: { packets: counters.packetsIn, bytes: counters.bytesIn, errors: counters.errorsIn },
    sent: { packets: counters.packetsOut, bytes: counters.bytesOut, errors: counters.errorsOut },
    lost: counters.lost,
    duplicates: counters.duplicates,
    reordered: counters.reordered,
    jitter: counters.jitter,
    drops: { ...drops },
    verdict: verdict && {
      cause: verdict.cause,
      state: verdict.state,
      finding: fromByteString(verdict.finding),
      fix: fromByteString(verdict.fix),
    },
    lastPacket: lastPacketAt === 0 ? null : lastPacketAt / 1000,
  };
}

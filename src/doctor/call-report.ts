/** The answer to `sluice doctor CALLID`, made of the reply to ng `query`. Pure. */
import type { Endpoint } from "../address.ts";
import { formatEndpoint } from "../address.ts";
import type { Verdict } from "./verdict.ts";

/** What this host adds to a verdict: the firewall rule that explains it, or that there is none. */
export interface Evidence {
  readonly finding: string;
  readonly fix: string;
}

export interface StreamReport extends Verdict {
  readonly party: string;
  /** Of the section: index from 1, type, protocol. */
  readonly index: number;
  readonly type: string;
  readonly protocol: string;
  readonly component: "rtp" | "rtcp";
  readonly local: Endpoint;
  readonly remote: Endpoint | undefined;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly evidence: readonly Evidence[];
}

export interface CallReport {
  readonly callId: string;
  readonly parties: readonly string[];
  readonly streams: readonly StreamReport[];
}

type Tree = { readonly [key: string]: unknown };

/** Undefined when the reply has no verdicts: another daemon, or an older one. */
export function readCallReport(callId: string, reply: Tree): CallReport | undefined {
  const streams: StreamReport[] = [];
  const parties = Object.entries(tree(reply["tags"]));
  for (const [party, leg] of parties) {
    for (const media of list(tree(leg)["medias"])) {
      for (const [at, stream] of list(media["streams"]).entries()) {
        const verdict = tree(stream["verdict"]);
        if (typeof verdict["cause"] !== "string") return undefined;
        streams.push({
          ...(verdict as unknown as Verdict),
          party,
          index: Number(media["index"]),
          type: String(media["type"]),
          protocol: String(media["protocol"]),
          component: at === 0 ? "rtp" : "rtcp",
          local: { address: String(stream["local address"]), port: Number(stream["local port"]) },
          remote: endpoint(tree(stream["endpoint"])),
          packetsIn: Number(tree(stream["stats"])["packets"]),
          packetsOut: Number(tree(stream["stats_out"])["packets"]),
          dropped: tree(stream["dropped"]) as Record<string, number>,
          evidence: [],
        });
      }
    }
  }
  return { callId, parties: parties.map(([name]) => name), streams };
}

/** True when some direction of media is broken. */
export function hasFault({ streams }: CallReport): boolean {
  return streams.some(({ state }) => state === "fault");
}

const MARK = { ok: "ok", expected: "silent", waiting: "wait", fault: "FAULT" } as const;

export function callReportText(report: CallReport): string {
  const { callId, parties, streams } = report;
  const lines = [`call ${callId}: ${parties.length} part${parties.length === 1 ? "y" : "ies"}`];
  if (streams.length === 0) lines.push("  no media: no party has a stream with open ports");
  for (const stream of streams) {
    const { party, index, type, protocol, component, local, remote, packetsIn, packetsOut } = stream;
    const from = remote ? formatEndpoint(remote) : "an unknown address";
    lines.push(
      "",
      `  from ${party}, ${type} ${index} (${protocol}) ${component.toUpperCase()}: ${from} -> ${formatEndpoint(local)}, ${packetsIn} packets in, ${packetsOut} out`,
      `    ${MARK[stream.state].padEnd(7)}${stream.cause}: ${stream.finding}`,
    );
    const dropped = Object.entries(stream.dropped).filter(([reason]) => reason !== "send-failed");
    if (dropped.length > 0 && stream.state !== "ok") {
      lines.push(`           dropped: ${dropped.map(([reason, count]) => `${reason} ${count}`).join(", ")}`);
    }
    for (const { finding } of stream.evidence) lines.push(`           here: ${finding}`);
    const unsent = stream.dropped["send-failed"] ?? 0;
    if (unsent > 0) lines.push(`           ${unsent} packets to ${party} could not be sent`);
    // What was found here is better than what could be the matter anywhere.
    const found = stream.evidence.map(({ fix }) => fix).filter((fix) => fix !== "");
    for (const fix of found.length > 0 ? found : [stream.fix].filter((each) => each !== ""))
      lines.push(`      fix: ${fix}`);
  }
  const faults = streams.filter(({ state }) => state === "fault");
  lines.push("");
  if (faults.length === 0) {
    const waiting = streams.some(({ state }) => state === "waiting");
    const silent = streams.filter(({ state, component }) => state === "expected" && component === "rtp");
    const asked = silent.map(({ party, cause }) => `${cause} (from ${party})`);
    if (silent.length > 0) lines.push(`silent because signalling says so: ${[...new Set(asked)].join(", ")}`);
    else if (waiting) lines.push("nothing is wrong so far: ask again when the call is answered");
    else lines.push("no cause for missing audio found here");
  } else {
    const causes = faults.map(({ party, cause }) => `${cause} (from ${party})`);
    lines.push(`likely cause: ${[...new Set(causes)].join(", ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function tree(value: unknown): Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Tree) : {};
}

function list(value: unknown): Tree[] {
  return Array.isArray(value) ? value.map(tree) : [];
}

function endpoint({ address, port }: Tree): Endpoint | undefined {
  return typeof address === "string" && typeof port === "number" ? { address, port } : undefined;
}

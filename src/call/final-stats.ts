/** The log block at the end of a call. Operators' scripts read it, so its layout is fixed. */
import type { Endpoint } from "../address.ts";
import type { StreamCounters } from "../planes/plane.ts";
import type { Call, MediaSection, Stream } from "./call.ts";
import type { Outbox } from "./outbox.ts";
import { codecName } from "./query.ts";

export function logFinalStats(call: Call, out: Outbox): void {
  const { now, streams } = out.context;
  const line = (text: string) => out.log("info", call.id, text);
  line("Final packet stats:");
  for (const leg of call.legs) {
    const age = Math.max(0, Math.floor((now - leg.createdAt) / 1000));
    const label = leg.label === undefined ? "" : ` (label '${leg.label}')`;
    const created = `created ${Math.floor(age / 60)}:${String(age % 60).padStart(2, "0")} ago`;
    line(`--- Tag '${leg.tag ?? ""}'${label}, ${created} for branch '${leg.viaBranch ?? ""}'`);
    for (const alias of leg.aliases) line(`---     Alias: '${alias}'`);
    for (const section of leg.sections) {
      for (const { source } of section.sources) {
        line(`---     subscribed to media with monologue tag '${source.leg.tag ?? ""}' (index: ${source.index})`);
      }
      for (const { sink } of section.sinks) {
        line(`---     subscription for media with monologue tag '${sink.leg.tag ?? ""}' (index: ${sink.index})`);
      }
    }
    for (const section of leg.sections) {
      const { ports } = section;
      const rtp = ports && streams.counters(ports.rtp.socket.id);
      line(
        `------ Media #${section.index} (${section.type} over ${section.protocol}) using ${codecText(section, rtp)}`,
      );
      for (const stream of section.streams()) line(streamLine(stream, streams.counters(stream.socket.id), now));
    }
  }
}

function codecText(section: MediaSection, rtp: StreamCounters | undefined): string {
  if (!section.isRtp) return section.formatText;
  if (rtp?.payloadType === undefined) return "unknown codec";
  return codecName(section, rtp.payloadType) ?? "unknown codec";
}

function streamLine(stream: Stream, counters: StreamCounters, now: number): string {
  const { socket, section, component } = stream;
  const remote = counters.endpoint ?? (component === "rtp" ? section.remoteRtp : section.remoteRtcp);
  const local = paddedEndpoint({ address: socket.address.local, port: socket.port });
  const last = counters.lastPacketAt || stream.openedAt;
  const silence = Math.max(0, Math.floor((now - last) / 1000));
  return (
    `--------- Port ${local} <> ${paddedEndpoint(remote ?? { address: "", port: 0 })}` +
    `${component === "rtcp" ? " (RTCP)" : ""}, SSRC ${(counters.ssrc ?? 0).toString(16)}, ` +
    `in ${counters.packetsIn} p, ${counters.bytesIn} b, ${counters.errorsIn} e, ${silence} ts, ` +
    `out ${counters.packetsOut} p, ${counters.bytesOut} b, ${counters.errorsOut} e`
  );
}

/** Address right-aligned to 15 columns, port left-aligned to 5. */
function paddedEndpoint({ address, port }: Endpoint): string {
  return `${address.padStart(15)}:${String(port).padEnd(5)}`;
}

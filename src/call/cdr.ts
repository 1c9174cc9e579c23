/** The call detail record: one line at the end of a call, fields separated by `, ` with a trailing separator. */
import type { Call, MediaSection, Stream } from "./call.ts";
import type { Context, EndReason } from "./transition.ts";

export function cdrLine(call: Call, reason: EndReason, context: Context): string {
  const fields: string[] = [
    `ci=${call.id}`,
    `created_from=${call.createdBy}`,
    `last_signal=${Math.floor(call.lastSignal / 1000)}`,
    `tos=${call.tos}`,
  ];
  call.legs.forEach((leg, i) => {
    const ml = `ml${i}_`;
    const end = context.now;
    fields.push(
      `${ml}start_time=${seconds(leg.createdAt)}`,
      `${ml}end_time=${seconds(end)}`,
      `${ml}duration=${seconds(end - leg.createdAt)}`,
      `${ml}termination=${reason}`,
      `${ml}local_tag=${leg.tag ?? ""}`,
      `${ml}local_tag_type=${leg.role}`,
    );
    for (const partner of leg.partners) fields.push(`${ml}remote_tag=${partner.tag ?? ""}`);
    for (const section of leg.sections) addSection(fields, `${ml}midx${section.index}_`, section, context);
  });
  return `${fields.join(", ")}, `;
}

function addSection(fields: string[], prefix: string, section: MediaSection, context: Context): void {
  const { ports } = section;
  const rtp = ports && context.streams.counters(ports.rtp.socket.id);
  fields.push(`payload_type=${rtp?.payloadType ?? "unknown"}`);
  if (!ports) return;
  addStream(fields, `${prefix}rtp_`, ports.rtp, context);
  if (ports.rtcp) addStream(fields, `${prefix}rtcp_`, ports.rtcp, context);
}

function addStream(fields: string[], prefix: string, stream: Stream, { streams }: Context): void {
  const { section, component, socket, openedAt } = stream;
  const counters = streams.counters(socket.id);
  const remote = counters.endpoint ?? (component === "rtp" ? section.remoteRtp : section.remoteRtcp);
  fields.push(
    `${prefix}endpoint_ip=${remote?.address ?? ""}`,
    `${prefix}endpoint_port=${remote?.port ?? 0}`,
    `${prefix}local_relay_ip=${socket.address.local}`,
    `${prefix}local_relay_port=${socket.port}`,
    `${prefix}relayed_packets=${counters.packetsIn}`,
    `${prefix}relayed_bytes=${counters.bytesIn}`,
    `${prefix}relayed_errors=${counters.errorsIn}`,
    `${prefix}last_packet=${Math.floor((counters.lastPacketAt || openedAt) / 1000)}`,
    `${prefix}in_tos_tclass=${counters.tos ?? 0}`,
  );
}

/** Seconds with six decimals. */
function seconds(milliseconds: number): string {
  return (Math.max(0, milliseconds) / 1000).toFixed(6);
}

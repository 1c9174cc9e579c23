/** What the planes report about single sockets, put into the words of the log. */
import { formatEndpoint } from "../address.ts";
import type { PlaneEvent } from "../planes/plane.ts";
import type { Stream } from "./call.ts";
import { mediaFollowed, packetReceived } from "./connectivity.ts";
import type { Outbox } from "./outbox.ts";

export function handlePlaneEvent(event: PlaneEvent, out: Outbox): void {
  const stream = out.state.streams.get(event.socket);
  // The call may have ended while the report was on its way.
  if (!stream) return;
  const context = streamLabel(stream);
  switch (event.kind) {
    case "confirmed":
      out.log("info", context, `Confirmed peer address as ${formatEndpoint(event.endpoint)}`);
      remember(stream, `${where(stream)}: peer address confirmed as ${formatEndpoint(event.endpoint)}`, out);
      break;
    case "endpoint-changed":
      out.log("info", context, `Peer address changed to ${formatEndpoint(event.endpoint)}`);
      remember(stream, `${where(stream)}: peer address changed to ${formatEndpoint(event.endpoint)}`, out);
      mediaFollowed(stream, event.endpoint, out);
      break;
    case "strict-source": {
      const local = formatEndpoint({ address: stream.socket.address.local, port: stream.socket.port });
      const got = `${formatEndpoint(event.source)} -> ${local}`;
      const expected = `${formatEndpoint(event.expected)} -> ${local}`;
      out.logLimited("info", context, `Drop due to strict-source attribute; got ${got}, expected ${expected}`);
      break;
    }
    case "unknown-payload-type": {
      const source = formatEndpoint(event.source);
      out.logLimited(
        "warning",
        context,
        `RTP packet with unknown payload type ${event.payloadType} received from ${source}`,
      );
      break;
    }
    case "send-error":
      out.logLimited("error", context, `Write error on media socket: errno ${event.errno}`);
      break;
    case "packet":
      packetReceived(stream, event.source, event.data, out);
      break;
  }
}

function remember({ section }: Stream, text: string, out: Outbox): void {
  const { leg, index } = section;
  leg.call.journal.add({ at: out.context.now, tag: leg.tag ?? "", section: index, text });
}

function where({ component, socket }: Stream): string {
  return `${component === "rtp" ? "RTP" : "RTCP"} port ${socket.port}`;
}

export function streamLabel({ section, socket }: Stream): string {
  return `${section.leg.call.id}/${section.leg.name}/${section.index} port ${socket.port}`;
}

/** What happens on the sockets of a section beside media: STUN and DTLS, and the timers of both. */
import type { Endpoint } from "../address.ts";
import { looksLikeDtls, looksLikeStun } from "../media/demux.ts";
import type { DtlsEvent } from "../media/dtls/event.ts";
import type { IceAgent, IceStep } from "../media/ice/agent.ts";
import type { SocketId } from "../planes/plane.ts";
import type { MediaSection, Stream } from "./call.ts";
import type { Component, DtlsHost } from "./dtls-transport.ts";
import type { Outbox } from "./outbox.ts";
import { usableEndpoint } from "./reception.ts";

/** A packet that a plane has handed up. `section`: the one whose transport the socket belongs to. */
export function packetReceived(stream: Stream, source: Endpoint, data: Uint8Array, out: Outbox): void {
  const { section, socket } = stream;
  const { agent } = section.ice;
  if (agent && looksLikeStun(data, 0, data.length)) {
    let consumed = true;
    runIce(section, out, (each) => {
      const step = each.receive(socket.id, source, data, out.context);
      consumed = step.consumed;
      return step;
    });
    if (consumed) return;
  }
  const { dtls } = section.protection;
  if (!dtls || !looksLikeDtls(data, 0, data.length)) return;
  const path = dtlsPath(section, socket.id, source);
  if (!path) return;
  const component = componentOf(stream);
  dtls.input(component, socket.id, data, { endpoint: source, path }, out.context.now, dtlsHost(section, out));
  rearm(section, out);
}

/** The plane sends to another validated source now, since media comes from there. */
export function mediaFollowed({ section, socket }: Stream, source: Endpoint, out: Outbox): void {
  runIce(section, out, (agent) => agent.mediaReceived(socket.id, source, out.context));
}

/** Undefined: with ICE, from somebody of whom no check is known. */
function dtlsPath(section: MediaSection, socket: SocketId, source: Endpoint) {
  if (!section.ice.on) return "open";
  const { agent } = section.ice;
  if (!agent) return undefined;
  const status = agent.sourceStatus(socket, source);
  if (status === "validated") return "validated";
  // Before the party's SDP nobody can be told from anybody.
  return status === "authenticated" || !agent.remote ? "pending" : undefined;
}

/** The section's timer is due. */
export function timerDue(section: MediaSection, out: Outbox): void {
  if (section.ice.agent) runIce(section, out, (agent) => agent.tick(out.context));
  const { dtls } = section.protection;
  if (dtls) dtls.tick(out.context.now, dtlsHost(section, out));
  rearm(section, out);
}

/** Sets the section's one timer to whatever comes first. */
export function rearm(section: MediaSection, out: Outbox): void {
  const ice = section.ice.agent?.nextTimer;
  const dtls = section.protection.dtls?.nextTimer;
  out.state.timers.set(section, ice === undefined ? dtls : dtls === undefined ? ice : Math.min(ice, dtls));
}

/** One call into the section's agent and all that follows from it. */
export function runIce(section: MediaSection, out: Outbox, action: (agent: IceAgent) => IceStep): void {
  const { agent } = section.ice;
  if (!agent) return;
  const { sends, events, changed } = action(agent);
  for (const { socket, to, bytes } of sends) out.send(socket, to, bytes);
  for (const { level, text } of events) out.note(section, level, text, "ice");
  if (changed) {
    // Media may flow elsewhere, or from elsewhere.
    out.touch(section.leg.call);
    advanceDtls(section, out);
  }
  rearm(section, out);
}

/** Begins handshakes for which the way is open now, and takes up what came too early. */
export function advanceDtls(section: MediaSection, out: Outbox): void {
  const { dtls } = section.protection;
  if (!dtls || section.protection.state !== "dtls") return;
  const { now } = out.context;
  const host = dtlsHost(section, out);
  const { agent } = section.ice;
  for (const component of dtls.components) {
    if (!section.ice.on) {
      if (usableEndpoint(component === 1 ? section.remoteRtp : section.remoteRtcp)) dtls.start(component, now, host);
      continue;
    }
    if (!agent) continue;
    for (const { socket } of streamsOfComponent(section, component)) {
      for (const source of agent.validatedSources(socket.id)) dtls.validated(component, source, now, host);
    }
    if (agent.selected(component)) dtls.start(component, now, host);
  }
  rearm(section, out);
}

function streamsOfComponent(section: MediaSection, component: Component): Stream[] {
  return section.streams().filter((stream) => componentOf(stream) === component);
}

function componentOf({ component }: Stream): Component {
  return component === "rtcp" ? 2 : 1;
}

/** How the associations of a section reach the world during one event. */
export function dtlsHost(section: MediaSection, out: Outbox): DtlsHost {
  return {
    send(component, data, to, heardOn) {
      const way = wayOut(section, component, to, heardOn);
      if (way) out.send(way.socket, way.to, data);
    },
    event: (component, event) => dtlsEvent(section, component, event, out),
  };
}

/** With ICE the selected pair; without, where the client was heard or SDP says. */
function wayOut(
  section: MediaSection,
  component: Component,
  heardFrom: Endpoint | undefined,
  heardOn: SocketId | undefined,
): { readonly socket: SocketId; readonly to: Endpoint } | undefined {
  const pair = section.ice.agent?.selected(component);
  if (pair) return pair.maySend ? { socket: pair.local.socket, to: pair.remote } : undefined;
  if (heardFrom && heardOn !== undefined) return { socket: heardOn, to: heardFrom };
  const stream = component === 1 ? section.ports?.rtp : section.ports?.rtcp;
  const to = usableEndpoint(component === 1 ? section.remoteRtp : section.remoteRtcp);
  return stream && to && !section.ice.on ? { socket: stream.socket.id, to } : undefined;
}

function dtlsEvent(section: MediaSection, component: Component, event: DtlsEvent, out: Outbox): void {
  const rtcp = component === 2 ? " (RTCP)" : "";
  switch (event.kind) {
    case "connected":
      out.touch(section.leg.call);
      out.logAt(section, "info", "DTLS: Peer certificate accepted", "crypto");
      out.note(section, "info", `DTLS-SRTP successfully negotiated using ${event.suite.name}${rtcp}`, "crypto");
      break;
    case "unverified":
      out.note(section, "debug", `DTLS: handshake complete, the fingerprint is not known yet${rtcp}`, "crypto");
      break;
    case "fingerprint-mismatch": {
      out.touch(section.leg.call);
      out.logAt(section, "warning", "DTLS: Peer certificate rejected - fingerprint mismatch", "crypto");
      const { expected, actual } = event;
      const text = `fingerprint mismatch: SDP has ${expected.hash} ${expected.value}, the certificate ${actual.value}`;
      out.note(section, "warning", text, "crypto");
      break;
    }
    case "alert":
      if (event.description === "close_notify") break;
      out.note(
        section,
        event.level === "fatal" ? "warning" : "debug",
        `DTLS: ${event.authenticated ? "" : "unauthenticated "}${event.level} alert ${event.description} from the peer`,
        "crypto",
      );
      break;
    case "failed":
      out.note(section, event.final ? "warning" : "info", `DTLS: handshake failed${rtcp}: ${event.reason}`, "crypto");
      break;
    case "closed":
      if (event.by === "peer") out.note(section, "info", `DTLS: closed by the peer${rtcp}`, "crypto");
      break;
  }
}

/** Ends ICE and DTLS of a section. */
export function endTransport(section: MediaSection, out: Outbox): void {
  const { protection } = section;
  if (protection.dtls) {
    protection.dtls.close(dtlsHost(section, out));
    protection.dtls = undefined;
  }
  section.ice.forget();
  out.state.timers.set(section, undefined);
}

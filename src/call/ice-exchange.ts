/** ICE in offer and answer: who speaks it, with which credentials and candidates. */

import { familyOf } from "../address.ts";
import { IceAgent, type IceRole } from "../media/ice/agent.ts";
import { localCandidates, priorityBelow } from "../media/ice/candidate.ts";
import { type IceCredentials, newCredentials, newTieBreaker } from "../media/ice/credentials.ts";
import type { Candidate, MediaDescription } from "../sdp/model.ts";
import type { MediaSection } from "./call.ts";
import { rearm, runIce } from "./connectivity.ts";
import type { Directives } from "./directives.ts";
import { closeOthers, type LocalPorts } from "./local-ports.ts";
import type { Outbox } from "./outbox.ts";
import { isTrickle } from "./reception.ts";

/** Bytes of the secret behind foundations. */
const SECRET_BYTES = 16;

/** The party's credentials; undefined: it does not speak ICE. */
export function credentialsOf(media: MediaDescription | undefined): IceCredentials | undefined {
  const { iceUfrag: ufrag, icePwd: pwd } = media ?? {};
  return ufrag === undefined || pwd === undefined ? undefined : { ufrag, pwd };
}

/** Decides before ports are taken whether ICE is spoken with the receiver of an offer, and will be with its sender. */
export function offerIce(from: MediaSection, to: MediaSection, media: MediaDescription, directives: Directives): void {
  const { ice: mode, iceLite, flags, passthrough } = directives;
  const offered = credentialsOf(media) !== undefined;
  const known = to.description !== undefined || to.announced;
  from.ice.on = offered && !flags.has("ice-reject");
  from.ice.trickles = isTrickle(media);
  if (iceLite !== undefined) {
    from.ice.lite = iceLite === "backward" || iceLite === "both";
    to.ice.lite = iceLite === "forward" || iceLite === "both";
  }
  if (flags.has("reset")) to.ice.refused = false;
  if (mode === "remove") to.ice.on = false;
  else if (to.ice.refused) to.ice.on = false;
  else if (mode !== "default") to.ice.on = true;
  else if (!known) to.ice.on = offered;
  const relayed = mode === "force-relay" ? "relay" : mode === "optional" ? "add" : undefined;
  to.passthrough = passthrough || flags.has("passthrough") ? "untouched" : offered ? relayed : undefined;
  from.passthrough = to.passthrough;
}

/** The same for an answer. */
export function answerIce(from: MediaSection, to: MediaSection, media: MediaDescription, directives: Directives): void {
  const answered = credentialsOf(media) !== undefined;
  from.ice.trickles = isTrickle(media);
  from.ice.refused = from.ice.on && !answered;
  from.ice.on &&= answered;
  // Whatever the flags say: ICE cannot be answered to a party that did not offer it.
  if (to.passthrough && !answered) to.ice.on = false;
  to.ice.on &&= directives.ice !== "remove" && !directives.flags.has("ice-reject");
}

/**
 * After ports are there: the agent towards the receiver gets ready to be described, and the sender's SDP is given to the
 * agent towards the sender where that exists.
 */
export function exchangeIce(
  phase: "offer" | "answer",
  from: MediaSection,
  to: MediaSection,
  directives: Directives,
  ports: LocalPorts,
  out: Outbox,
): void {
  if (from.passthrough === "untouched") return;
  if (phase === "offer") {
    prepareAgent(to, from, "controlling", undefined, directives, ports, out);
    if (!from.ice.on) dropAgent(from, out);
    return;
  }
  // The answerer's agent was made for the offer.
  if (from.ice.on) learnPeer(from, out);
  else dropAgent(from, out);
  prepareAgent(to, from, "controlled", credentialsOf(to.description), directives, ports, out);
  if (to.ice.on) learnPeer(to, out);
}

function dropAgent(section: MediaSection, out: Outbox): void {
  if (section.ice.agent) out.note(section, "info", "no ICE with this party", "ice");
  section.ice.forget();
  closeOthers(section, out);
  rearm(section, out);
}

/** Makes, keeps or restarts the agent of a section. `remote`: what the party's offer says, when this is the answer. */
function prepareAgent(
  section: MediaSection,
  peer: MediaSection,
  role: IceRole,
  remote: IceCredentials | undefined,
  directives: Directives,
  ports: LocalPorts,
  out: Outbox,
): void {
  const { ice } = section;
  if (!ice.on || !section.ports) {
    if (ice.agent || ice.on) dropAgent(section, out);
    return;
  }
  ports.ensureOthers(section);
  const { context, state } = out;
  const components = section.muxAgreed || !section.ports.rtcp ? 1 : 2;
  const sockets = candidateSources(section, directives)
    .flatMap((source) => source.sockets.map(({ id }) => id))
    .join(" ");
  const { agent } = ice;
  const own = section.passthrough && credentialsOf(peer.description);
  const fresh = () => own ?? newCredentials(context.random);
  if (!agent) {
    ice.agent = new IceAgent({
      credentials: fresh(),
      locals: candidatesOf(section, peer, directives, out),
      components,
      role,
      lite: ice.lite,
      tieBreaker: newTieBreaker(context.random),
      software: state.settings.softwareId,
    });
  } else {
    const other = own !== undefined && own.ufrag !== agent.credentials.ufrag;
    const restarts = remote !== undefined && agent.isRestart(remote);
    if (restarts || other || sockets !== ice.sockets) {
      const locals = candidatesOf(section, peer, directives, out);
      const credentials = fresh();
      if (restarts) ice.restartedIn = section.leg.call.generation;
      ice.early = ice.early.filter(({ ufrag }) => ufrag === undefined || ufrag === remote?.ufrag);
      runIce(section, out, (each) => each.restart({ credentials, locals, components, role, lite: ice.lite }, context));
    } else if (components === 1) runIce(section, out, (each) => each.dropComponent2(context));
  }
  ice.sockets = sockets;
  rearm(section, out);
}

/** Gives the party's credentials and candidates to its agent. */
function learnPeer(section: MediaSection, out: Outbox): void {
  const { ice, description } = section;
  const remote = credentialsOf(description);
  if (!ice.agent || !remote || !description) return;
  const { context } = out;
  if (section.muxAgreed) runIce(section, out, (agent) => agent.dropComponent2(context));
  const early = ice.early.filter(({ ufrag }) => ufrag === undefined || ufrag === remote.ufrag);
  ice.early = [];
  const candidates = [...description.candidates, ...early.map(({ candidate }) => candidate)];
  runIce(section, out, (agent) =>
    agent.setRemote({ ...remote, lite: description.iceLite }, acceptable(candidates), context),
  );
  if (description.endOfCandidates) ice.agent.endOfCandidates();
}

function acceptable(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ component }) => component === 1 || component === 2);
}

/** Every address of the logical interface, with the sockets that are open on it. */
function candidateSources(section: MediaSection, { mediaAddress }: Directives) {
  const set = section.ports!;
  const { interface: chosen } = section.leg;
  const pairs = [set, ...set.others];
  const shown = (address: string, family: 4 | 6) =>
    mediaAddress !== undefined && familyOf(mediaAddress) === family ? mediaAddress : address;
  const addresses = chosen?.addresses ?? [set.rtp.socket.address];
  return addresses.map(({ local, advertised, family }) => {
    const pair = pairs.find(({ rtp }) => rtp.socket.address.local === local);
    const streams = pair ? (pair.rtcp ? [pair.rtp, pair.rtcp] : [pair.rtp]) : [];
    return {
      local,
      advertised: shown(advertised, family),
      sockets: streams.map(({ socket }) => ({ id: socket.id, port: socket.port })),
    };
  });
}

function candidatesOf(section: MediaSection, peer: MediaSection, directives: Directives, { state, context }: Outbox) {
  state.iceSecret ??= context.random.bytes(SECRET_BYTES);
  const type = section.passthrough === "relay" ? "relay" : "host";
  const own = localCandidates(candidateSources(section, directives), state.iceSecret, type);
  const client = section.passthrough ? peer.description?.candidates : undefined;
  if (!client) return own;
  // Beside the client's own candidates ours are the last resort.
  return own.map((candidate, i) => ({ ...candidate, priority: priorityBelow(client, type, i, candidate.component) }));
}

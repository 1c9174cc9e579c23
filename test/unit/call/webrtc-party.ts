/**
 * A browser as the call core sees it: an ICE agent and a DTLS association on one socket of its own, exchanging datagrams with
 * the core through the scene, on the scene's clock.
 */
import { type Endpoint, formatEndpoint } from "../../../src/address.ts";
import { looksLikeStun } from "../../../src/media/demux.ts";
import { DtlsAdmission } from "../../../src/media/dtls/admission.ts";
import { DtlsAssociation } from "../../../src/media/dtls/association.ts";
import {
  certificateFingerprint,
  type DtlsCertificate,
  generateCertificate,
} from "../../../src/media/dtls/certificate.ts";
import { DtlsCookies } from "../../../src/media/dtls/cookies.ts";
import { newDtlsCounters } from "../../../src/media/dtls/counters.ts";
import type { DtlsEvent } from "../../../src/media/dtls/event.ts";
import { parseFingerprint } from "../../../src/media/dtls/fingerprint.ts";
import { IceAgent, type IceRole, type IceStep } from "../../../src/media/ice/agent.ts";
import { newCredentials, newTieBreaker } from "../../../src/media/ice/credentials.ts";
import { isSdpError, parseSdp } from "../../../src/sdp/parse.ts";
import type { Scene } from "./scene.ts";

const SOCKET = 1;

function randomSource(seed: number) {
  let state = seed;
  return {
    bytes: (count: number) =>
      Uint8Array.from({ length: count }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return (state >>> 16) & 255;
      }),
  };
}

export class WebrtcParty {
  readonly random: { bytes(count: number): Uint8Array };
  agent!: IceAgent;
  dtls: DtlsAssociation | undefined;
  connected: Extract<DtlsEvent, { kind: "connected" }> | undefined;
  readonly log: string[] = [];
  #setup: "actpass" | "active" | "passive" = "actpass";
  #answers = false;

  private constructor(
    readonly scene: Scene,
    readonly endpoint: Endpoint,
    readonly certificate: DtlsCertificate,
    seed: number,
    private readonly lite: boolean,
  ) {
    this.random = randomSource(seed);
    this.restart("controlling");
  }

  static async open(
    scene: Scene,
    address: string,
    options: { readonly seed?: number; readonly lite?: boolean } = {},
  ): Promise<WebrtcParty> {
    const seed = options.seed ?? 1;
    const certificate = await generateCertificate(
      { commonName: "browser", cipher: "prime256v1", rsaKeySize: 2_048, signature: "SHA-256" },
      scene.now,
      randomSource(seed + 1_000),
    );
    return new WebrtcParty(scene, { address, port: 50_000 + seed }, certificate, seed, options.lite ?? false);
  }

  get #context() {
    return { now: this.scene.now, random: this.random };
  }

  /** Other credentials: the next description asks for an ICE restart. */
  restart(role: IceRole): void {
    const local = {
      foundation: "1",
      component: 1 as const,
      priority: 2_122_260_223,
      endpoint: this.endpoint,
      type: "host" as const,
      related: undefined,
      socket: SOCKET,
      base: this.endpoint,
    };
    this.agent = new IceAgent({
      credentials: newCredentials(this.random),
      locals: [local],
      components: 1,
      role,
      lite: this.lite,
      tieBreaker: newTieBreaker(this.random),
    });
  }

  sdp(options: { readonly candidates?: boolean; readonly fingerprint?: string; readonly more?: string } = {}): string {
    const { ufrag, pwd } = this.agent.credentials;
    const { value } = certificateFingerprint(this.certificate, "sha-256");
    const { address, port } = this.endpoint;
    return [
      "v=0",
      "o=- 1 1 IN IP4 127.0.0.1",
      "s=-",
      ...(this.lite ? ["a=ice-lite"] : []),
      "t=0 0",
      `m=audio ${port} UDP/TLS/RTP/SAVPF 111 0`,
      `c=IN IP4 ${address}`,
      "a=mid:0",
      "a=rtpmap:111 opus/48000/2",
      "a=rtcp-mux",
      `a=setup:${this.#setup}`,
      `a=fingerprint:sha-256 ${options.fingerprint ?? value}`,
      `a=ice-ufrag:${ufrag}`,
      `a=ice-pwd:${pwd}`,
      "a=ice-options:trickle",
      ...(options.candidates === false ? [] : [this.candidate]),
      ...(options.more ? [options.more] : []),
    ].join("\n");
  }

  get candidate(): string {
    return `a=candidate:1 1 udp 2122260223 ${this.endpoint.address} ${this.endpoint.port} typ host generation 0`;
  }

  /** The party's next description is an answer to what it was shown; in this DTLS role. */
  answers(setup: "active" | "passive"): void {
    this.#answers = true;
    this.#setup = setup;
  }

  /** What the daemon says to this party. */
  take(sdp: string): void {
    const parsed = parseSdp(sdp, { fragment: false, rejectEmptyLine: false });
    if (isSdpError(parsed)) throw new Error(parsed.reason);
    const media = parsed.media[0]!;
    if (media.iceUfrag === undefined || media.icePwd === undefined) throw new Error("no ICE in what the party is told");
    const remote = { ufrag: media.iceUfrag, pwd: media.icePwd, lite: media.iceLite };
    this.#ice(this.agent.setRemote(remote, media.candidates, this.#context));
    const peer = media.fingerprint && parseFingerprint(media.fingerprint);
    if (!peer || typeof peer === "string") throw new Error("no fingerprint in what the party is told");
    const role = this.#answers
      ? this.#setup === "active"
        ? "active"
        : "passive"
      : media.setup === "active"
        ? "passive"
        : "active";
    if (this.dtls) return;
    this.dtls = new DtlsAssociation({
      role,
      peer,
      certificate: this.certificate,
      random: this.random,
      cookies: new DtlsCookies(this.random),
      admission: new DtlsAdmission(this.scene.now),
      counters: newDtlsCounters(),
      output: (data) => {
        const pair = this.agent.selected(1);
        if (pair) this.#send(pair.remote, data);
      },
      event: (event) => {
        this.log.push(event.kind);
        if (event.kind === "connected") this.connected = event;
      },
    });
    this.#start();
  }

  #start(): void {
    if (this.agent.selected(1)) this.dtls?.start(this.scene.now);
  }

  #ice(step: IceStep): void {
    for (const { to, bytes } of step.sends) this.#send(to, bytes);
    this.#start();
  }

  #send(to: Endpoint, data: Uint8Array): void {
    this.scene.arrive(to, this.endpoint, data);
  }

  receive(source: Endpoint, data: Uint8Array): void {
    if (looksLikeStun(data, 0, data.length)) this.#ice(this.agent.receive(SOCKET, source, data, this.#context));
    else this.dtls?.input(data, this.scene.now, { endpoint: source, path: "validated" });
  }

  tick(): void {
    this.#ice(this.agent.tick(this.#context));
    this.dtls?.timeout(this.scene.now);
  }
}

/** Lets time pass, 5 ms at a step, with everything that core and parties send to each other delivered at once. */
export function run(scene: Scene, milliseconds: number, ...parties: readonly WebrtcParty[]): void {
  for (let passed = 0; passed < milliseconds; passed += 5) {
    scene.now += 5;
    for (const party of parties) party.tick();
    if ((scene.state.timers.next ?? Number.POSITIVE_INFINITY) <= scene.now) scene.happen({ kind: "timer" });
    deliver(scene, parties);
  }
}

function deliver(scene: Scene, parties: readonly WebrtcParty[]): void {
  for (let { length } = scene.sent; length > 0; length = scene.sent.length) {
    for (const { socket, to, data } of scene.sent.splice(0)) {
      const party = parties.find(({ endpoint }) => formatEndpoint(endpoint) === formatEndpoint(to));
      const local = scene.ports.open.get(socket);
      if (party && local) party.receive({ address: local.address.advertised, port: local.port }, data);
      else scene.dropped.push({ to, data });
    }
  }
}

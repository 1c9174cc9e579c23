/** DTLS-SRTP with one party (RFC 5763, RFC 5764): one association per component, and the keys that came out of them. */

import type { Endpoint } from "../address.ts";
import type { DtlsAdmission } from "../media/dtls/admission.ts";
import { DtlsAssociation, type DtlsPath, type DtlsRole, type DtlsView } from "../media/dtls/association.ts";
import type { DtlsCertificate } from "../media/dtls/certificate.ts";
import type { DtlsCookies } from "../media/dtls/cookies.ts";
import type { DtlsCounters } from "../media/dtls/counters.ts";
import type { DtlsEvent } from "../media/dtls/event.ts";
import type { Fingerprint } from "../media/dtls/fingerprint.ts";
import { newTlsId, type PeerIdentity } from "../media/dtls/setup.ts";
import type { CipherSuite } from "../media/dtls/suites.ts";
import type { SocketId } from "../planes/plane.ts";
import type { KeyPair } from "./protection.ts";
import type { Context } from "./transition.ts";

/** What all associations of the process share. */
export interface DtlsEnvironment {
  /** For new associations. */
  readonly certificate: DtlsCertificate;
  readonly cookies: DtlsCookies;
  readonly admission: DtlsAdmission;
  readonly counters: DtlsCounters;
  /** Bytes. */
  readonly mtu: number;
  /** Default: all we have. */
  readonly suites?: readonly CipherSuite[];
}

export type Component = 1 | 2;

/** What an association asks for while it is at work. */
export interface DtlsHost {
  /** @param heardOn the socket on which the client was last heard */
  send(component: Component, data: Uint8Array, to: Endpoint | undefined, heardOn: SocketId | undefined): void;
  event(component: Component, event: DtlsEvent): void;
}

interface Link {
  readonly association: DtlsAssociation;
  keys: KeyPair | undefined;
  heardOn: SocketId | undefined;
}

export class DtlsTransport {
  /** Ours, as printed. */
  tlsId: string;
  certificate: DtlsCertificate;
  role: DtlsRole;
  /** As the party's SDP has it. */
  peer: PeerIdentity = { fingerprint: undefined, tlsId: undefined };
  readonly #links = new Map<Component, Link>();
  #host: DtlsHost | undefined;

  constructor(
    private readonly environment: DtlsEnvironment,
    private readonly random: Context["random"],
    role: DtlsRole,
    components: Component,
  ) {
    this.role = role;
    this.certificate = environment.certificate;
    this.tlsId = newTlsId(random);
    for (const component of components === 2 ? ([1, 2] as const) : ([1] as const)) {
      this.#links.set(component, { association: this.#associate(component), keys: undefined, heardOn: undefined });
    }
  }

  #associate(component: Component): DtlsAssociation {
    const { cookies, admission, counters, mtu, suites } = this.environment;
    return new DtlsAssociation({
      role: this.role,
      certificate: this.certificate,
      random: this.random,
      cookies,
      admission,
      counters,
      mtu,
      ...(suites && { suites }),
      output: (data, to) => this.#host?.send(component, data, to, this.#links.get(component)?.heardOn),
      event: (event) => {
        const link = this.#links.get(component);
        if (event.kind === "connected" && link) {
          link.keys = { inbound: event.remoteKeys, outbound: event.localKeys };
        } else if (event.kind === "fingerprint-mismatch" && link) link.keys = undefined;
        this.#host?.event(component, event);
      },
    });
  }

  keys(component: Component): KeyPair | undefined {
    return this.#links.get(component)?.keys;
  }

  get components(): readonly Component[] {
    return [...this.#links.keys()];
  }

  get connected(): boolean {
    return [...this.#links.values()].every(({ association }) => association.state === "connected");
  }

  get nextTimer(): number | undefined {
    let next: number | undefined;
    for (const { association } of this.#links.values()) {
      const timer = association.nextTimer;
      if (timer !== undefined && (next === undefined || timer < next)) next = timer;
    }
    return next;
  }

  views(): readonly (readonly [Component, DtlsView])[] {
    return [...this.#links].map(([component, { association }]) => [component, association.view()] as const);
  }

  /** RTP and RTCP are one now. */
  dropComponent2(host: DtlsHost): void {
    const link = this.#links.get(2);
    if (!link) return;
    this.#links.delete(2);
    this.#work(host, () => link.association.close());
  }

  /** The party's SDP: it is the same association as before, or the first. */
  setPeer(peer: PeerIdentity, now: number, host: DtlsHost): void {
    this.peer = peer;
    const { fingerprint } = peer;
    if (fingerprint) this.#each(host, ({ association }) => association.setPeer(fingerprint, now));
  }

  /** A new association: other keys, another `tls-id`, the certificate of today. */
  restart(
    role: DtlsRole,
    peer: PeerIdentity & { readonly fingerprint: Fingerprint },
    now: number,
    host: DtlsHost,
  ): void {
    this.role = role;
    this.peer = peer;
    this.certificate = this.environment.certificate;
    this.tlsId = newTlsId(this.random);
    const { certificate } = this;
    this.#each(host, (link) => link.association.restart({ role, certificate, peer: peer.fingerprint }, now));
  }

  /** Our role is known at last. The association is still the one that was offered. */
  settleRole(role: DtlsRole, now: number, host: DtlsHost): void {
    if (role === this.role) return;
    this.role = role;
    this.#each(host, ({ association }) => association.restart({ role }, now));
  }

  start(component: Component, now: number, host: DtlsHost): void {
    this.#work(host, () => this.#links.get(component)?.association.start(now));
  }

  input(
    component: Component,
    socket: SocketId,
    data: Uint8Array,
    from: { readonly endpoint: Endpoint; readonly path: DtlsPath },
    now: number,
    host: DtlsHost,
  ): void {
    const link = this.#links.get(component);
    if (!link) return;
    link.heardOn = socket;
    this.#work(host, () => link.association.input(data, now, from));
  }

  /** ICE has checked this path. */
  validated(component: Component, source: Endpoint, now: number, host: DtlsHost): void {
    this.#work(host, () => this.#links.get(component)?.association.validated(source, now));
  }

  tick(now: number, host: DtlsHost): void {
    this.#each(host, ({ association }) => association.timeout(now));
  }

  close(host: DtlsHost): void {
    this.#each(host, ({ association }) => association.close());
  }

  #each(host: DtlsHost, action: (link: Link) => void): void {
    this.#work(host, () => {
      for (const link of this.#links.values()) action(link);
    });
  }

  #work(host: DtlsHost, action: () => void): void {
    this.#host = host;
    action();
    this.#host = undefined;
  }
}

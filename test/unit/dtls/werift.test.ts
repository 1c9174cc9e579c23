/**
 * The DTLS stack of the werift package as a second independent peer, in memory. It is not what the product runs on: it
 * checks neither the signatures nor the Finished message of its peer, as the last test shows.
 */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { Transport } from "werift";
import { DtlsClient, DtlsServer } from "werift";
import { DtlsAdmission } from "../../../src/media/dtls/admission.ts";
import type { DtlsAssociationOptions } from "../../../src/media/dtls/association.ts";
import { DtlsAssociation } from "../../../src/media/dtls/association.ts";
import type { DtlsCertificate } from "../../../src/media/dtls/certificate.ts";
import { DtlsCookies } from "../../../src/media/dtls/cookies.ts";
import { newDtlsCounters } from "../../../src/media/dtls/counters.ts";
import type { DtlsEvent } from "../../../src/media/dtls/event.ts";
import type { DtlsRole } from "../../../src/media/dtls/setup.ts";
import { SRTP_PROFILES } from "../../../src/media/dtls/srtp-profiles.ts";
import { CALLEE_CERTIFICATE, CALLER, CALLER_CERTIFICATE, RSA_CERTIFICATE, sha256 } from "./network.ts";

const random = { bytes: (count: number) => new Uint8Array(randomBytes(count)) };

type SignatureHash = NonNullable<ConstructorParameters<typeof DtlsServer>[0]["signatureHash"]>;
type WeriftProfile = NonNullable<ConstructorParameters<typeof DtlsServer>[0]["srtpProfiles"]>[number];

function pem(label: string, der: Uint8Array): string {
  const text = Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`;
}

/** A werift endpoint with this certificate, and one of ours, connected by microtasks. */
async function against(
  role: DtlsRole,
  peer: DtlsCertificate,
  options: Partial<DtlsAssociationOptions> = {},
  profiles: readonly number[] = [7, 1],
) {
  const events: DtlsEvent[] = [];
  let settled = () => {};
  const done = new Promise<void>((resolve) => {
    settled = resolve;
  });
  let closed = false;
  const transport: Transport = {
    type: "udp",
    address: { address: CALLER.address, port: CALLER.port, family: "IPv4" },
    closed: false,
    onData: () => {},
    send: async (bytes) => {
      const copy = Uint8Array.from(bytes);
      queueMicrotask(() => {
        if (!closed) association.input(copy, performance.now(), { endpoint: CALLER, path: "validated" });
      });
    },
    close: async () => {},
  };
  const association = new DtlsAssociation({
    role,
    certificate: CALLER_CERTIFICATE,
    peer: sha256(peer),
    random,
    cookies: new DtlsCookies(random),
    admission: new DtlsAdmission(performance.now()),
    counters: newDtlsCounters(),
    ...options,
    output: (bytes) =>
      queueMicrotask(() => {
        if (!closed) transport.onData(Buffer.from(bytes), [CALLER.address, CALLER.port]);
      }),
    event: (event) => {
      events.push(event);
      if (event.kind === "connected" || event.kind === "failed") settled();
    },
  });
  const settings = {
    transport,
    cert: pem("CERTIFICATE", peer.chain[0]!),
    key: peer.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    signatureHash: { hash: 4, signature: peer.keyType === "rsa" ? 1 : 3 } as SignatureHash,
    srtpProfiles: [...profiles] as WeriftProfile[],
    certificateRequest: true,
    extendedMasterSecret: true,
  };
  const werift = role === "active" ? new DtlsServer(settings) : new DtlsClient(settings);
  const weriftConnected = new Promise<void>((resolve) => werift.onConnect.subscribe(() => resolve()));
  if (role === "active") association.start(performance.now());
  else if (werift instanceof DtlsClient) void werift.connect().catch(() => {});
  await done;
  return { association, events, werift, weriftConnected, stop: () => (closed = true) };
}

describe("werift as the peer", () => {
  for (const role of ["active", "passive"] as const) {
    for (const [name, peer] of [
      ["ECDSA", CALLEE_CERTIFICATE],
      ["RSA", RSA_CERTIFICATE],
    ] as const) {
      for (const profile of SRTP_PROFILES.filter(({ id }) => id === 7 || id === 1)) {
        test(`${role}, ${name} certificates, ${profile.name}: both have the same keys`, async () => {
          const ours = name === "RSA" ? RSA_CERTIFICATE : CALLER_CERTIFICATE;
          const { events, werift, weriftConnected, stop } = await against(role, peer, { certificate: ours }, [
            profile.id,
          ]);
          const [event] = events;
          if (event?.kind !== "connected") throw new Error(JSON.stringify(events));
          await weriftConnected;
          const { keyBytes, saltBytes } = profile.suite;
          const theirs = werift.extractSessionKeys(keyBytes, saltBytes);
          expect(Buffer.from(event.localKeys.masterKey)).toEqual(Buffer.from(theirs.remoteKey));
          expect(Buffer.from(event.localKeys.masterSalt)).toEqual(Buffer.from(theirs.remoteSalt));
          expect(Buffer.from(event.remoteKeys.masterKey)).toEqual(Buffer.from(theirs.localKey));
          expect(Buffer.from(event.remoteKeys.masterSalt)).toEqual(Buffer.from(theirs.localSalt));
          stop();
        });
      }
    }

    test(`${role}, a peer with somebody else's certificate: refused`, async () => {
      const stolen = { ...CALLEE_CERTIFICATE, privateKey: CALLER_CERTIFICATE.privateKey };
      const { events, stop } = await against(role, stolen);
      stop();
      expect(events[0]).toMatchObject({ kind: "failed" });
      expect("reason" in events[0]! && events[0].reason).toMatch(/^the signature of \w+ is wrong$/);
    });
  }

  test("why it is the peer and not the product: it takes our certificate without our key", async () => {
    const stolen = { ...CALLER_CERTIFICATE, privateKey: CALLEE_CERTIFICATE.privateKey };
    const { events, weriftConnected, stop } = await against("active", CALLEE_CERTIFICATE, { certificate: stolen });
    await weriftConnected;
    stop();
    expect(events[0]).toMatchObject({ kind: "connected" });
  });
});

/** The `openssl` command as an independent peer, on loopback: both roles, all profiles, both kinds of certificate. */
import { afterAll, describe, expect, test } from "bun:test";
import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DtlsAdmission } from "../../../src/media/dtls/admission.ts";
import type { DtlsAssociationOptions, DtlsView } from "../../../src/media/dtls/association.ts";
import { DtlsAssociation } from "../../../src/media/dtls/association.ts";
import { loadCertificate } from "../../../src/media/dtls/certificate.ts";
import { DtlsCookies } from "../../../src/media/dtls/cookies.ts";
import { newDtlsCounters } from "../../../src/media/dtls/counters.ts";
import type { DtlsEvent } from "../../../src/media/dtls/event.ts";
import type { DtlsRole } from "../../../src/media/dtls/setup.ts";
import { SRTP_PROFILES } from "../../../src/media/dtls/srtp-profiles.ts";
import { cipherSuites } from "../../../src/media/dtls/suites.ts";
import type { SrtpKeys } from "../../../src/media/srtp/suites.ts";
import { CALLER_CERTIFICATE, RSA_CERTIFICATE, sha256 } from "./network.ts";

const FIRST_PORT = 14_500;
let nextPort = FIRST_PORT;
const directory = mkdtempSync(join(tmpdir(), "sluice-dtls-"));
afterAll(() => rmSync(directory, { recursive: true }));

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** A certificate made by OpenSSL, as files and as we load them. */
function opensslCertificate(name: string, newkey: readonly string[]) {
  const key = join(directory, `${name}.key`);
  const cert = join(directory, `${name}.crt`);
  const args = ["req", "-x509", "-newkey", ...newkey, "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=peer"];
  if (spawnSync("openssl", args).status !== 0) throw new Error("openssl req");
  const loaded = loadCertificate(readFileSync(cert, "latin1"), readFileSync(key, "latin1"));
  if (typeof loaded === "string") throw new Error(loaded);
  return { key, cert, loaded };
}

type PeerCertificate = ReturnType<typeof opensslCertificate>;

interface Outcome {
  readonly events: DtlsEvent[];
  readonly text: string;
  readonly view: DtlsView;
}

/** Runs one association over a real socket against one openssl process until the process has printed its keys. */
async function against(
  role: DtlsRole,
  peer: PeerCertificate,
  args: readonly string[],
  options: Partial<DtlsAssociationOptions>,
): Promise<Outcome> {
  const [ours, theirs] = [nextPort++, nextPort++];
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(ours, "127.0.0.1", resolve));
  const random = { bytes: (count: number) => new Uint8Array(randomBytes(count)) };
  const events: DtlsEvent[] = [];
  let wake = () => {};
  const association = new DtlsAssociation({
    role,
    certificate: CALLER_CERTIFICATE,
    peer: sha256(peer.loaded),
    random,
    cookies: new DtlsCookies(random),
    admission: new DtlsAdmission(performance.now()),
    counters: newDtlsCounters(),
    initialTimeout: 200,
    ...options,
    output: (bytes, to) => socket.send(bytes, to?.port ?? theirs, "127.0.0.1"),
    event: (event) => {
      events.push(event);
      wake();
    },
  });
  socket.on("message", (bytes, from) => {
    association.input(bytes, performance.now(), {
      endpoint: { address: from.address, port: from.port },
      path: "open",
    });
  });
  const ticker = setInterval(() => association.timeout(performance.now()), 20);
  const credentials = ["-cert", peer.cert, "-key", peer.key, "-dtls1_2"];
  const command =
    role === "active"
      ? ["s_server", "-accept", `127.0.0.1:${theirs}`, "-verify", "1"]
      : ["s_client", "-connect", `127.0.0.1:${ours}`];
  const child: ChildProcess = spawn("openssl", [...command, ...credentials, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      wake();
    });
  }
  const refused = () => events.some(({ kind }) => kind === "failed") && text.includes("bad certificate");
  const finished = () =>
    events.length > 0 && (/Keying material: [0-9A-F]+/.test(text) || refused() || events[0]?.kind === "failed");
  if (role === "active") association.start(performance.now());
  const until = performance.now() + 8_000;
  while (!finished() && performance.now() < until) {
    await new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, 500);
    });
  }
  clearInterval(ticker);
  const view = association.view();
  association.close();
  child.kill();
  await new Promise((resolve) => child.on("close", resolve));
  socket.close();
  return { events, text, view };
}

function exporter(length: number): readonly string[] {
  return ["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", `${length}`];
}

/** What OpenSSL printed must be our four parts in the order of RFC 5764 section 4.2. */
function expectSameKeys({ events, text }: Outcome, role: DtlsRole): void {
  const event = events.find(({ kind }) => kind === "connected");
  if (event?.kind !== "connected") throw new Error(`${JSON.stringify(events)}\n${text}`);
  const client: SrtpKeys = role === "active" ? event.localKeys : event.remoteKeys;
  const server: SrtpKeys = role === "active" ? event.remoteKeys : event.localKeys;
  const ours = Buffer.concat([client.masterKey, server.masterKey, client.masterSalt, server.masterSalt]);
  expect(/Keying material: ([0-9A-F]+)/.exec(text)?.[1]).toBe(ours.toString("hex").toUpperCase());
}

describe.skipIf(!hasOpenssl)("OpenSSL as the peer", () => {
  const ecdsa = hasOpenssl ? opensslCertificate("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]) : undefined!;
  const p384 = hasOpenssl ? opensslCertificate("p384", ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]) : undefined!;
  const rsa = hasOpenssl ? opensslCertificate("rsa", ["rsa:2048"]) : undefined!;
  const all = SRTP_PROFILES.map(({ name }) => name).join(":");

  for (const role of ["active", "passive"] as const) {
    for (const { name, suite } of SRTP_PROFILES) {
      test(`${role}, the peer has only ${name}: both export the same keys`, async () => {
        const length = 2 * (suite.keyBytes + suite.saltBytes);
        const outcome = await against(role, ecdsa, ["-use_srtp", name, ...exporter(length)], {});
        expectSameKeys(outcome, role);
        expect(outcome.events[0]).toMatchObject({ kind: "connected", role, suite });
      });
    }

    test(`${role}, the peer has all profiles: AES-256-GCM is chosen`, async () => {
      const outcome = await against(role, ecdsa, ["-use_srtp", all, ...exporter(88)], {});
      expectSameKeys(outcome, role);
      expect(outcome.text).toContain("SRTP_AEAD_AES_256_GCM");
    });

    test(`${role}, RSA certificates on both sides`, async () => {
      const outcome = await against(role, rsa, ["-use_srtp", all, ...exporter(88)], { certificate: RSA_CERTIFICATE });
      expectSameKeys(outcome, role);
    });

    test(`${role}, our certificate ECDSA, the peer's RSA`, async () => {
      expectSameKeys(await against(role, rsa, ["-use_srtp", all, ...exporter(88)], {}), role);
    });

    test(`${role}, the peer's certificate over P-384`, async () => {
      expectSameKeys(await against(role, p384, ["-use_srtp", all, ...exporter(88)], {}), role);
    });

    test(`${role}, AES-256 with SHA-384 and key exchange over P-384`, async () => {
      const options = { certificate: RSA_CERTIFICATE, suites: cipherSuites("AES256") };
      const outcome = await against(role, rsa, ["-use_srtp", all, "-groups", "P-384", ...exporter(88)], options);
      expectSameKeys(outcome, role);
      expect(outcome.view.cipher).toBe("ECDHE-RSA-AES256-GCM-SHA384");
    });

    test(`${role}, key exchange over P-256 and small datagrams both ways`, async () => {
      const args = ["-use_srtp", all, "-groups", "P-256", "-mtu", "300", ...exporter(88)];
      expectSameKeys(await against(role, ecdsa, args, { mtu: 576 }), role);
    });

    test(`${role}, a peer without extended master secret`, async () => {
      const config = join(directory, "no-ems.cnf");
      await Bun.write(
        config,
        "openssl_conf=o\n[o]\nssl_conf=s\n[s]\nsystem_default=d\n[d]\nOptions=-ExtendedMasterSecret\n",
      );
      const before = process.env["OPENSSL_CONF"];
      process.env["OPENSSL_CONF"] = config;
      try {
        const outcome = await against(role, ecdsa, ["-use_srtp", all, ...exporter(88)], {});
        expectSameKeys(outcome, role);
        expect(outcome.view.extendedMasterSecret).toBe(false);
      } finally {
        if (before === undefined) delete process.env["OPENSSL_CONF"];
        else process.env["OPENSSL_CONF"] = before;
      }
    });

    test(`${role}, another certificate than SDP said: refused, no keys`, async () => {
      const outcome = await against(role, ecdsa, ["-use_srtp", all], { peer: sha256(rsa.loaded) });
      expect(outcome.events.map(({ kind }) => kind)).toEqual(["fingerprint-mismatch", "failed", "closed"]);
      expect(outcome.text).toContain("bad certificate");
    });
  }

  test("active, a server that wants a cookie first", async () => {
    const outcome = await against("active", ecdsa, ["-listen", "-use_srtp", all, ...exporter(88)], {});
    expectSameKeys(outcome, "active");
  });

  test("active, a server without any SRTP profile of ours", async () => {
    const outcome = await against("active", ecdsa, [], {});
    expect(outcome.events[0]).toMatchObject({ kind: "failed", final: false });
  });
});

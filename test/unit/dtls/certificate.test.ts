import { describe, expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import type { CertificateOptions } from "../../../src/media/dtls/certificate.ts";
import {
  CertificateRotation,
  certificateFingerprint,
  generateCertificate,
  loadCertificate,
} from "../../../src/media/dtls/certificate.ts";
import { time } from "../../../src/media/dtls/der.ts";
import { fingerprintOf, hasFingerprint, parseFingerprint } from "../../../src/media/dtls/fingerprint.ts";
import { readPeerCertificate } from "../../../src/media/dtls/peer-certificate.ts";
import { CALLEE_CERTIFICATE, CALLER_CERTIFICATE, Random, RSA_CERTIFICATE, START } from "./network.ts";

const DAY = 86_400_000;
const OPTIONS: CertificateOptions = {
  commonName: "sluice-1.0",
  cipher: "prime256v1",
  rsaKeySize: 2_048,
  signature: "SHA-256",
};

describe("our own certificate", () => {
  for (const cipher of ["prime256v1", "RSA"] as const) {
    for (const signature of ["SHA-256", "SHA-1"] as const) {
      test(`${cipher} signed with ${signature}: self-signed, named, valid for 30 days`, async () => {
        const made = await generateCertificate({ ...OPTIONS, cipher, signature }, START, new Random(1));
        const parsed = new X509Certificate(made.chain[0]!);
        expect(parsed.subject).toBe("CN=sluice-1.0");
        expect(parsed.issuer).toBe("CN=sluice-1.0");
        expect(parsed.verify(parsed.publicKey)).toBe(true);
        expect(parsed.checkPrivateKey(made.privateKey)).toBe(true);
        expect(Date.parse(parsed.validTo)).toBe(START + 30 * DAY);
        expect(Date.parse(parsed.validFrom)).toBeLessThan(START);
        expect(parsed.publicKey.asymmetricKeyType).toBe(cipher === "RSA" ? "rsa" : "ec");
        const algorithm = { "prime256v1 SHA-256": "2a8648ce3d040302", "prime256v1 SHA-1": "2a8648ce3d0401" };
        const rsa = { "RSA SHA-256": "2a864886f70d01010b", "RSA SHA-1": "2a864886f70d010105" };
        const oid = { ...algorithm, ...rsa }[`${cipher} ${signature}`];
        expect(Buffer.from(made.chain[0]!).toString("hex")).toContain(oid);
      });
    }
  }

  test("an RSA key of the configured size", async () => {
    const made = await generateCertificate({ ...OPTIONS, cipher: "RSA", rsaKeySize: 1_024 }, START, new Random(2));
    expect(made.privateKey.asymmetricKeyDetails?.modulusLength).toBe(1_024);
  });

  test("a long name in any script is cut at 64 characters", async () => {
    const commonName = "é".repeat(100);
    const made = await generateCertificate({ ...OPTIONS, commonName }, START, new Random(3));
    expect(Buffer.from(made.chain[0]!).includes(Buffer.from("é".repeat(64), "utf8"))).toBe(true);
    expect(Buffer.from(made.chain[0]!).includes(Buffer.from("é".repeat(65), "utf8"))).toBe(false);
    expect(new X509Certificate(made.chain[0]!).checkPrivateKey(made.privateKey)).toBe(true);
  });

  test("is renewed at half of its life, once, and running associations keep theirs", async () => {
    const random = new Random(4);
    const first = await generateCertificate(OPTIONS, START, random);
    const rotation = new CertificateRotation(first, OPTIONS);
    expect(rotation.renewalAt).toBe(START + 15 * DAY);
    expect(await rotation.renew(START + 15 * DAY - 1, random)).toBe(false);
    const results = await Promise.all([
      rotation.renew(START + 15 * DAY, random),
      rotation.renew(START + 15 * DAY, random),
    ]);
    expect(results).toEqual([true, false]);
    expect(rotation.current).not.toBe(first);
    expect(rotation.current.notAfter).toBe(START + 45 * DAY);
    expect(new CertificateRotation(first, undefined).renewalAt).toBeUndefined();
  });

  test("times after 2049 are written with four digits of year", () => {
    expect(Buffer.from(time(Date.UTC(2049, 11, 31, 23, 59, 59))).toString("latin1")).toBe("\x17\x0d491231235959Z");
    expect(Buffer.from(time(Date.UTC(2050, 0, 1))).toString("latin1")).toBe("\x18\x0f20500101000000Z");
  });
});

describe("a certificate from files", () => {
  const pem = (label: string, der: Uint8Array) =>
    `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;
  const cert = pem("CERTIFICATE", CALLER_CERTIFICATE.chain[0]!);
  const key = CALLER_CERTIFICATE.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

  test("with its chain, key in the same file or not", () => {
    const chain = cert + pem("CERTIFICATE", CALLEE_CERTIFICATE.chain[0]!);
    for (const [certificateFile, keyFile] of [
      [chain, key],
      [key + chain, key + chain],
    ] as const) {
      const loaded = loadCertificate(certificateFile, keyFile);
      if (typeof loaded === "string") throw new Error(loaded);
      expect(loaded.chain.map((der) => Buffer.from(der))).toEqual(
        [CALLER_CERTIFICATE, CALLEE_CERTIFICATE].map(({ chain: [der] }) => Buffer.from(der!)),
      );
      expect(loaded.keyType).toBe("ec");
      expect(loaded.notAfter).toBe(START + 30 * DAY);
    }
  });

  test("that is none, has a broken key, or a key that is not its own: the reason is said", () => {
    const other = RSA_CERTIFICATE.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(loadCertificate("hello", key)).toBe("no PEM certificate in the certificate file");
    expect(loadCertificate(cert.replace("MII", "AAA"), key)).toStartWith("the certificate cannot be read: ");
    expect(loadCertificate(cert, "hello")).toStartWith("the private key cannot be read: ");
    expect(loadCertificate(cert, other)).toBe("the private key does not belong to the certificate");
  });
});

describe("fingerprints", () => {
  const [der] = CALLER_CERTIFICATE.chain as [Uint8Array];

  test("of each hash, as SDP has them", () => {
    for (const [hash, bytes] of [
      ["sha-1", 20],
      ["sha-224", 28],
      ["sha-256", 32],
      ["sha-384", 48],
      ["sha-512", 64],
    ] as const) {
      const fingerprint = certificateFingerprint(CALLER_CERTIFICATE, hash);
      expect(fingerprint.value).toMatch(/^[0-9A-F]{2}(:[0-9A-F]{2})+$/);
      expect(fingerprint.value.split(":").length).toBe(bytes);
      expect(hasFingerprint(der, fingerprint)).toBe(true);
      const last = fingerprint.value.endsWith("0") ? "1" : "0";
      expect(hasFingerprint(der, { hash, value: fingerprint.value.slice(0, -1) + last })).toBe(false);
    }
    const known = createHash("sha256").update(der).digest("hex").toUpperCase().match(/../g)!.join(":");
    expect(fingerprintOf(der, "sha-256")).toEqual({ hash: "sha-256", value: known });
  });

  test("are read in any case, and refused with a reason", () => {
    const { value } = certificateFingerprint(CALLER_CERTIFICATE, "sha-256");
    expect(parseFingerprint({ hash: "SHA-256", value: value.toLowerCase() })).toEqual({ hash: "sha-256", value });
    expect(parseFingerprint({ hash: "md5", value: "AA:BB" })).toBe("unknown hash function md5 in a=fingerprint");
    expect(parseFingerprint({ hash: "sha-256", value: "AA:BB" })).toBe("a=fingerprint:sha-256 has 2 bytes");
    expect(parseFingerprint({ hash: "sha-1", value: "AABB" })).toBe(
      "a=fingerprint is no list of hex bytes with colons",
    );
    expect(parseFingerprint({ hash: "sha-1", value: "" })).toBe("a=fingerprint is no list of hex bytes with colons");
  });
});

describe("a peer's certificate", () => {
  test("that is garbage, PEM, or cut short is refused as bad_certificate", () => {
    const der = CALLER_CERTIFICATE.chain[0]!;
    const pem = Buffer.from(
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE-----`,
    );
    for (const bytes of [new Uint8Array(0), new Uint8Array(100), der.subarray(0, der.length - 1), pem]) {
      expect(() => readPeerCertificate(bytes)).toThrow("the peer's certificate cannot be read");
    }
    expect(readPeerCertificate(der).key.asymmetricKeyType).toBe("ec");
  });
});

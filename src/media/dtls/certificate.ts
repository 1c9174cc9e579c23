/** Our certificate: self-signed and renewed at half of its life, or from files. */
import type { KeyObject } from "node:crypto";
import { createPrivateKey, generateKeyPair, sign, X509Certificate } from "node:crypto";
import { bitString, CONTEXT_0, der, integer, NULL, objectIdentifier, SEQUENCE, SET, time, utf8String } from "./der.ts";
import type { Fingerprint, FingerprintHash } from "./fingerprint.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { RandomSource } from "./random-source.ts";

export interface DtlsCertificate {
  readonly keyType: "ec" | "rsa";
  readonly privateKey: KeyObject;
  /** DER; ours first, then what the file had after it. */
  readonly chain: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** As the options `dtls-cert-cipher`, `dtls-rsa-key-size` and `dtls-signature` say. */
export interface CertificateOptions {
  /** Subject CN; cut to the 64 characters that X.520 allows. */
  readonly commonName: string;
  readonly cipher: "prime256v1" | "RSA";
  /** Bits. */
  readonly rsaKeySize: number;
  readonly signature: "SHA-256" | "SHA-1";
}

const DAY = 86_400_000;
const LIFETIME = 30 * DAY;
/** Peers with slow clocks. */
const BACKDATED = DAY;
const MAX_COMMON_NAME = 64;
const SERIAL_BYTES = 16;

/** RFC 5758 and RFC 3279: with explicit NULL parameters for RSA, without any for ECDSA. */
const ALGORITHMS = {
  "ec SHA-256": der(SEQUENCE, objectIdentifier("1.2.840.10045.4.3.2")),
  "ec SHA-1": der(SEQUENCE, objectIdentifier("1.2.840.10045.4.1")),
  "rsa SHA-256": der(SEQUENCE, objectIdentifier("1.2.840.113549.1.1.11"), NULL),
  "rsa SHA-1": der(SEQUENCE, objectIdentifier("1.2.840.113549.1.1.5"), NULL),
} as const;

/** Makes a key (off the main thread: RSA takes its time) and signs a certificate for it. @param now milliseconds since 1970 */
export async function generateCertificate(
  options: CertificateOptions,
  now: number,
  random: RandomSource,
): Promise<DtlsCertificate> {
  const keyType = options.cipher === "RSA" ? "rsa" : "ec";
  const { publicKey, privateKey } = await newKeys(options);
  const algorithm = ALGORITHMS[`${keyType} ${options.signature}`];
  const notBefore = now - BACKDATED;
  const notAfter = now + LIFETIME;
  const attribute = der(SEQUENCE, objectIdentifier("2.5.4.3"), utf8String(commonName(options.commonName)));
  const name = der(SEQUENCE, der(SET, attribute));
  const serial = random.bytes(SERIAL_BYTES);
  // Positive, and never shortened by a leading zero.
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const toBeSigned = der(
    SEQUENCE,
    der(CONTEXT_0, integer(Uint8Array.of(2))), // version 3
    integer(serial),
    algorithm,
    name,
    der(SEQUENCE, time(notBefore), time(notAfter)),
    name,
    publicKey.export({ format: "der", type: "spki" }),
  );
  const signature = sign(options.signature === "SHA-1" ? "sha1" : "sha256", toBeSigned, privateKey);
  const certificate = der(SEQUENCE, toBeSigned, algorithm, bitString(signature));
  return { keyType, privateKey, chain: [certificate], notBefore, notAfter };
}

function commonName(text: string): string {
  return [...text].slice(0, MAX_COMMON_NAME).join("");
}

function newKeys({ cipher, rsaKeySize }: CertificateOptions): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, publicKey: KeyObject, privateKey: KeyObject) =>
      error ? reject(error) : resolve({ publicKey, privateKey });
    if (cipher === "RSA") generateKeyPair("rsa", { modulusLength: rsaKeySize }, done);
    else generateKeyPair("ec", { namedCurve: "prime256v1" }, done);
  });
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** From the text of PEM files: certificates (ours first) and its key, which may be in the same text. Or the reason why not. */
export function loadCertificate(certificatePem: string, keyPem: string): DtlsCertificate | string {
  const blocks = certificatePem.match(PEM_CERTIFICATE);
  if (!blocks) return "no PEM certificate in the certificate file";
  let certificates: X509Certificate[];
  try {
    certificates = blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    return `the certificate cannot be read: ${words(error)}`;
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(keyPem);
  } catch (error) {
    return `the private key cannot be read: ${words(error)}`;
  }
  const certificate = certificates[0]!;
  const keyType = privateKey.asymmetricKeyType;
  if (keyType !== "ec" && keyType !== "rsa") return `a key of type ${keyType} cannot be used: EC or RSA is needed`;
  if (!certificate.checkPrivateKey(privateKey)) return "the private key does not belong to the certificate";
  return {
    keyType,
    privateKey,
    chain: certificates.map(({ raw }) => raw),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  };
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function certificateFingerprint(certificate: DtlsCertificate, hash: FingerprintHash): Fingerprint {
  return fingerprintOf(certificate.chain[0]!, hash);
}

/**
 * The certificate for new associations. Running ones keep theirs. Call {@link renew} now and then (hourly will do); it
 * makes a new one when the present one has lived half of its life.
 */
export class CertificateRotation {
  #current: DtlsCertificate;
  #renewing = false;
  readonly #options: CertificateOptions | undefined;

  /** @param options undefined for a certificate from files, which is never renewed */
  constructor(first: DtlsCertificate, options: CertificateOptions | undefined) {
    this.#current = first;
    this.#options = options;
  }

  get current(): DtlsCertificate {
    return this.#current;
  }

  /** When the next certificate is due, milliseconds since 1970; undefined for one from files. */
  get renewalAt(): number | undefined {
    return this.#options && this.#current.notAfter - LIFETIME / 2;
  }

  /** True if there is a new certificate now. A failure leaves the old one and rejects. */
  async renew(now: number, random: RandomSource): Promise<boolean> {
    if (!this.#options || this.#renewing || now < this.renewalAt!) return false;
    this.#renewing = true;
    try {
      this.#current = await generateCertificate(this.#options, now, random);
      return true;
    } finally {
      this.#renewing = false;
    }
  }
}

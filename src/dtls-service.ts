/** What all DTLS associations of the process share, made from the configuration; the certificate is renewed in time. */
import type { DtlsEnvironment } from "./call/dtls-transport.ts";
import type { Context } from "./call/transition.ts";
import type { OptionValues } from "./config/options.ts";
import { DtlsAdmission } from "./media/dtls/admission.ts";
import { type CertificateOptions, CertificateRotation, generateCertificate } from "./media/dtls/certificate.ts";
import { DtlsCookies } from "./media/dtls/cookies.ts";
import { type DtlsCounters, newDtlsCounters } from "./media/dtls/counters.ts";
import { cipherSuites } from "./media/dtls/suites.ts";
import type { Log } from "./observe/log.ts";

export class DtlsService {
  readonly environment: DtlsEnvironment;
  readonly counters: DtlsCounters = newDtlsCounters();
  readonly #rotation: CertificateRotation;
  readonly #random: Context["random"];
  readonly #log: Log;

  private constructor(
    rotation: CertificateRotation,
    values: OptionValues,
    random: Context["random"],
    log: Log,
    now: number,
  ) {
    this.#rotation = rotation;
    this.#random = random;
    this.#log = log;
    const ciphers = values["dtls-ciphers"];
    const suites = ciphers === undefined ? undefined : cipherSuites(ciphers);
    if (suites?.length === 0) {
      log.warning("crypto", `dtls-ciphers = ${ciphers} leaves no cipher suite that can be used: all of ours are`);
    }
    this.environment = {
      get certificate() {
        return rotation.current;
      },
      cookies: new DtlsCookies(random),
      admission: new DtlsAdmission(now),
      counters: this.counters,
      mtu: values["dtls-mtu"],
      ...(suites && suites.length > 0 ? { suites } : {}),
    };
  }

  /** @param now Unix ms */
  static async start(values: OptionValues, commonName: string, random: Context["random"], log: Log, now: number) {
    const options: CertificateOptions = {
      commonName,
      cipher: values["dtls-cert-cipher"],
      rsaKeySize: values["dtls-rsa-key-size"],
      signature: values["dtls-signature"],
    };
    const first = await generateCertificate(options, now, random);
    return new DtlsService(new CertificateRotation(first, options), values, random, log, now);
  }

  /** Now and then: a new certificate when the present one has lived half of its life. */
  tick(now: number): void {
    const { renewalAt } = this.#rotation;
    if (renewalAt === undefined || now < renewalAt) return;
    this.#rotation.renew(now, this.#random).then(
      (renewed) => {
        if (renewed) this.#log.info("crypto", "Generating new DTLS certificate");
      },
      (error: unknown) => this.#log.error("crypto", `The DTLS certificate could not be renewed: ${String(error)}`),
    );
  }
}

/** Debian's Kamailio with its rtpengine module and one of the configurations in `kamailio/`. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Child } from "./child.ts";
import { within } from "./deadline.ts";
import { CALLEE, NG, PROXY, SECOND_CALLEE } from "./network.ts";

export interface SipProxyOptions {
  /** File name in `kamailio/`. */
  readonly config: "manage.cfg" | "explicit.cfg" | "fork.cfg";
  /** Flags of the offer, in `manage.cfg` of everything. */
  readonly offerFlags?: string;
  readonly answerFlags?: string;
  /** Where its rtpengine module sends; default: the daemon's. */
  readonly ngPort?: number;
  /** Empty directory for its pid and control files. */
  readonly directory: string;
}

/** The flags of nearly every guide. */
export const USUAL_FLAGS = "trust-address replace-origin replace-session-connection ICE=remove RTP/AVP";

export class SipProxy {
  private constructor(readonly process: Child) {}

  /** Resolves when the proxy answered an OPTIONS request. */
  static async start(options: SipProxyOptions): Promise<SipProxy> {
    mkdirSync(options.directory, { recursive: true });
    const define = (name: string, value: string) => ["-A", `${name}=${JSON.stringify(value)}`];
    const offerFlags = options.offerFlags ?? USUAL_FLAGS;
    const child = new Child("kamailio", [
      Bun.which("kamailio") ?? "/usr/sbin/kamailio",
      "-f",
      join(import.meta.dir, "kamailio", options.config),
      ...["-DD", "-E", "-T", "-m", "32", "-M", "8"],
      ...["-l", `udp:${PROXY.address}:${PROXY.port}`],
      ...["-w", options.directory, "-Y", options.directory, "-P", join(options.directory, "kamailio.pid")],
      ...define("RTPENGINE_SOCK", `udp:${NG.address}:${options.ngPort ?? NG.port}`),
      ...define("CALLEE_URI", `sip:${CALLEE.address}:${CALLEE.port}`),
      ...define("SECOND_CALLEE_URI", `sip:${SECOND_CALLEE.address}:${SECOND_CALLEE.port}`),
      ...define("OFFER_FLAGS", offerFlags),
      ...define("ANSWER_FLAGS", options.answerFlags ?? offerFlags),
    ]);
    const proxy = new SipProxy(child);
    try {
      await child.whileRunning(proxy.#untilAnswering());
    } catch (error) {
      await child.stop();
      throw new Error(`${String(error)}; its output was:\n${child.log.items.join("\n")}`);
    }
    return proxy;
  }

  async #untilAnswering() {
    let answered!: () => void;
    const answer = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const socket = await Bun.udpSocket({
      hostname: PROXY.address,
      port: 0,
      socket: { data: () => answered(), error: () => {} },
    });
    let serial = 0;
    const ask = () => {
      const via = `${PROXY.address}:${socket.port};rport;branch=z9hG4bKready${++serial}`;
      const text = [
        `OPTIONS sip:${PROXY.address}:${PROXY.port} SIP/2.0`,
        `Via: SIP/2.0/UDP ${via}`,
        `From: <sip:ready@${PROXY.address}>;tag=ready`,
        `To: <sip:ready@${PROXY.address}>`,
        `Call-ID: ready-${process.pid}-${serial}`,
        `CSeq: ${serial} OPTIONS`,
        "Max-Forwards: 5",
        "Content-Length: 0",
      ];
      socket.send(`${text.join("\r\n")}\r\n\r\n`, PROXY.port, PROXY.address);
    };
    ask();
    const again = setInterval(ask, 25);
    try {
      await within(answer, 10_000, "kamailio's answer to OPTIONS");
    } finally {
      clearInterval(again);
      socket.close();
    }
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

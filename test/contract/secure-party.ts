/** SRTP at the far end, with the runtime's own crypto: not the library that the plane uses. */
import { createHash } from "node:crypto";
import { isRtcp } from "../../src/media/rtcp.ts";
import { fallbackSrtp } from "../../src/media/srtp/fallback.ts";
import { SRTP_SCRATCH, SrtpSession, srtpRoom } from "../../src/media/srtp/session.ts";
import { type SrtpKeys, srtpSuite } from "../../src/media/srtp/suites.ts";

const LARGEST = 10_000;
const ROOM = SRTP_SCRATCH;
const PACKET = ROOM + srtpRoom(LARGEST);

/** Keys of a suite that depend on `seed` alone. */
export function keysOf(name: string, seed = "one", over: Partial<SrtpKeys> = {}): SrtpKeys {
  const suite = srtpSuite(name);
  if (!suite) throw new Error(`no suite ${name}`);
  const material = createHash("sha512").update(`${name} ${seed}`).digest();
  return {
    suite,
    masterKey: Uint8Array.from(material.subarray(0, suite.keyBytes)),
    masterSalt: Uint8Array.from(material.subarray(40, 40 + suite.saltBytes)),
    mki: new Uint8Array(),
    unencryptedRtp: false,
    unencryptedRtcp: false,
    unauthenticatedRtp: false,
    ...over,
  };
}

/** One direction as one party has it. */
export class SecureParty {
  readonly #bytes = new Uint8Array(PACKET + 2 * LARGEST);
  readonly #session: SrtpSession;

  constructor(keys: SrtpKeys) {
    this.#session = new SrtpSession(keys, fallbackSrtp, { address: 0, bytes: this.#bytes }, 0, ROOM);
  }

  seal(packet: Uint8Array): Uint8Array {
    const sealed = this.#run(packet, isRtcp(packet, 0, packet.length) ? "protectRtcp" : "protectRtp");
    if (typeof sealed === "number") throw new Error(`packet cannot be encrypted: ${sealed}`);
    return sealed;
  }

  /** The packet in clear, or why not: a negative SRTP_ERROR. */
  open(packet: Uint8Array): Uint8Array | number {
    return this.#run(packet, isRtcp(packet, 0, packet.length) ? "unprotectRtcp" : "unprotectRtp");
  }

  #run(packet: Uint8Array, how: "protectRtp" | "protectRtcp" | "unprotectRtp" | "unprotectRtcp"): Uint8Array | number {
    this.#bytes.set(packet, PACKET);
    const length = this.#session[how](PACKET, packet.length);
    return length < 0 ? length : this.#bytes.slice(PACKET, PACKET + length);
  }
}

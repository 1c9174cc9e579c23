/** libsrtp2 over FFI: the independent peer of the SRTP tests. Only tests load it. */
import { dlopen } from "bun:ffi";
import { mapArena } from "../../../ffi/memory.ts";
import type { SrtpKeys } from "../../../src/media/srtp/suites.ts";

const CIPHER: Readonly<Record<string, number>> = {
  "cm-16": 1,
  "cm-24": 4,
  "cm-32": 5,
  "gcm-16": 6,
  "gcm-32": 7,
  "null-16": 0,
};
const HMAC_SHA1 = 3;
const SERVICE = { none: 0, confidentiality: 1, authentication: 2 };
const ANY = { inbound: 2, outbound: 3 };

export interface Libsrtp2Session {
  protect(packet: Uint8Array): Uint8Array | number;
  unprotect(packet: Uint8Array): Uint8Array | number;
  protectRtcp(packet: Uint8Array): Uint8Array | number;
  unprotectRtcp(packet: Uint8Array): Uint8Array | number;
}

/** undefined when the library is not installed; throws when it refuses the suite. */
export function loadLibsrtp2(): ((keys: SrtpKeys, direction: "inbound" | "outbound") => Libsrtp2Session) | undefined {
  const call = { args: ["ptr", "ptr", "ptr"], returns: "i32" } as const;
  let library: ReturnType<typeof open>;
  const open = () =>
    dlopen("libsrtp2.so.1", {
      srtp_init: { args: [], returns: "i32" },
      srtp_create: { args: ["ptr", "ptr"], returns: "i32" },
      srtp_protect: call,
      srtp_unprotect: call,
      srtp_protect_rtcp: call,
      srtp_unprotect_rtcp: call,
    }).symbols;
  try {
    library = open();
  } catch {
    return undefined;
  }
  library.srtp_init();
  return (keys, direction) => {
    const { suite } = keys;
    const arena = mapArena(8_192);
    const words = new Int32Array(arena.view());
    const bytes = new Uint8Array(arena.view());
    const longs = new BigUint64Array(arena.view());
    const policy = (at: number, tag: number, clear: boolean, unsigned: boolean) => {
      const gcm = suite.cipher === "gcm";
      const service =
        (clear || suite.cipher === "null" ? SERVICE.none : SERVICE.confidentiality) |
        (unsigned && !gcm ? SERVICE.none : SERVICE.authentication);
      const cipher = CIPHER[`${suite.cipher}-${suite.keyBytes}`];
      if (cipher === undefined) throw new Error(`libsrtp2 has no ${suite.name}`);
      words.set([cipher, suite.keyBytes + suite.saltBytes, gcm ? 0 : HMAC_SHA1, gcm ? 0 : 20, tag, service], at);
    };
    words[0] = ANY[direction];
    policy(2, keys.unauthenticatedRtp ? 0 : suite.rtpTagBytes, keys.unencryptedRtp, keys.unauthenticatedRtp);
    policy(8, suite.rtcpTagBytes, keys.unencryptedRtcp, false);
    bytes.set(keys.masterKey, 512);
    bytes.set(keys.masterSalt, 512 + keys.masterKey.length);
    words[14] = arena.address + 512;
    words[22] = 128;
    const status = library.srtp_create((arena.address + 1_024) as never, arena.address as never);
    if (status !== 0) throw new Error(`srtp_create: status ${status}`);
    const session = Number(longs[128]);
    const run =
      (name: "srtp_protect" | "srtp_unprotect" | "srtp_protect_rtcp" | "srtp_unprotect_rtcp") =>
      (packet: Uint8Array) => {
        bytes.set(packet, 2_048);
        words[1_000] = packet.length;
        const result = library[name](
          session as never,
          (arena.address + 2_048) as never,
          (arena.address + 4_000) as never,
        );
        return result === 0 ? bytes.slice(2_048, 2_048 + words[1_000]!) : -result;
      };
    return {
      protect: run("srtp_protect"),
      unprotect: run("srtp_unprotect"),
      protectRtcp: run("srtp_protect_rtcp"),
      unprotectRtcp: run("srtp_unprotect_rtcp"),
    };
  };
}

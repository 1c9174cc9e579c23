/** Which implementation of the SRTP primitives this host gets: libcrypto, or the runtime's own crypto where it cannot be had. */
import { fallbackSrtp } from "./fallback.ts";
import { libcryptoSrtp } from "./libcrypto.ts";
import type { SrtpLibrary } from "./primitives.ts";
import { SRTP_SUITES } from "./suites.ts";

export type SrtpLibraryName = "libcrypto" | "runtime";

export interface SrtpChoice {
  readonly name: SrtpLibraryName;
  readonly library: SrtpLibrary;
  /** Why; empty for libcrypto. */
  readonly reason: string;
}

/**
 * Tries libcrypto with every suite: a library may be there and still refuse an algorithm. `wanted`: the fallback even so.
 */
export function chooseSrtpLibrary(wanted?: SrtpLibraryName, loaded = libcryptoSrtp()): SrtpChoice {
  const fallback = (reason: string): SrtpChoice => ({ name: "runtime", library: fallbackSrtp, reason });
  if (wanted === "runtime") return fallback("asked for");
  if ("reason" in loaded) return fallback(loaded.reason);
  try {
    for (const { cipher, keyBytes } of SRTP_SUITES) {
      const authentication = new Uint8Array(cipher === "gcm" ? 0 : 20);
      loaded({ address: 0, bytes: new Uint8Array() }, cipher, new Uint8Array(keyBytes), authentication).close();
    }
  } catch (error) {
    return fallback(error instanceof Error ? error.message : String(error));
  }
  return { name: "libcrypto", library: loaded, reason: "" };
}

/** Which implementation of the SRTP primitives this host gets: libcrypto, or the runtime's own crypto where it is missing. */
import { fallbackSrtp } from "./fallback.ts";
import { libcryptoSrtp } from "./libcrypto.ts";
import type { SrtpLibrary } from "./primitives.ts";

export interface SrtpChoice {
  readonly library: SrtpLibrary;
  readonly fallback: boolean;
  /** What is used; with the fallback also why, in the loader's words. */
  readonly reason: string;
}

export function chooseSrtpLibrary(loaded = libcryptoSrtp()): SrtpChoice {
  if (!("reason" in loaded)) return { library: loaded, fallback: false, reason: "libcrypto" };
  const reason = `the runtime's own crypto, correct but several times slower: ${loaded.reason}`;
  return { library: fallbackSrtp, fallback: true, reason };
}

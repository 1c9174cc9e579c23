/** SRTP primitives over libcrypto: no allocation per packet. */
import { Cipher, Hmac, loadLibcrypto } from "../../../ffi/libcrypto.ts";
import type { SrtpLibrary } from "./primitives.ts";

/** The library, or why there is none on this host. */
export function libcryptoSrtp(): SrtpLibrary | { readonly reason: string } {
  const loaded = loadLibcrypto();
  if ("reason" in loaded) return loaded;
  const { calls } = loaded;
  return ({ address }, cipher, encryption, authentication) => {
    const mode = cipher === "gcm" ? "GCM" : cipher === "cm" ? "CTR" : "ECB";
    const name = mode === "GCM" ? `id-aes${encryption.length * 8}-GCM` : `AES-${encryption.length * 8}-${mode}`;
    const aes = new Cipher(calls, name, encryption);
    const hmac = authentication.length > 0 ? new Hmac(calls, authentication) : undefined;
    return {
      counter: (offset, length, iv) => aes.counter(address + offset, length, address + iv),
      block: (out, offset) => aes.block(address + out, address + offset),
      seal: (aad, aadLength, offset, length, iv, tag) =>
        aes.seal(address + aad, aadLength, address + offset, length, address + iv, address + tag),
      open: (aad, aadLength, offset, length, to, iv, tag) =>
        aes.open(address + aad, aadLength, address + offset, length, address + to, address + iv, address + tag),
      sign: (offset, length, trailer, out) =>
        hmac?.sign(address + offset, length, trailer < 0 ? 0 : address + trailer, address + out),
      close: () => {
        aes.close();
        hmac?.close();
      },
    };
  };
}

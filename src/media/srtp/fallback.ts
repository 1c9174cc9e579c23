/** SRTP primitives with the runtime's own crypto, for hosts without libcrypto: correct, but it allocates per packet. */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { SrtpLibrary } from "./primitives.ts";

export const fallbackSrtp: SrtpLibrary = ({ bytes }, _cipher, encryption, authentication) => {
  const bits = encryption.length * 8;
  const part = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  return {
    counter: (offset, length, iv) => {
      bytes.set(createCipheriv(`aes-${bits}-ctr`, encryption, part(iv, 16)).update(part(offset, length)), offset);
    },
    block: (out, offset) => {
      const cipher = createCipheriv(`aes-${bits}-ecb`, encryption, null).setAutoPadding(false);
      bytes.set(cipher.update(part(offset, 16)), out);
    },
    seal: (aad, aadLength, offset, length, iv, tag) => {
      const cipher = createCipheriv(bits === 128 ? "aes-128-gcm" : "aes-256-gcm", encryption, part(iv, 12));
      cipher.setAAD(part(aad, aadLength));
      bytes.set(cipher.update(part(offset, length)), offset);
      cipher.final();
      bytes.set(cipher.getAuthTag(), tag);
    },
    open: (aad, aadLength, offset, length, to, iv, tag) => {
      const decipher = createDecipheriv(bits === 128 ? "aes-128-gcm" : "aes-256-gcm", encryption, part(iv, 12));
      decipher.setAAD(part(aad, aadLength));
      decipher.setAuthTag(part(tag, 16));
      const clear = decipher.update(part(offset, length));
      try {
        decipher.final();
      } catch {
        return false;
      }
      bytes.set(clear, to);
      return true;
    },
    sign: (offset, length, trailer, out) => {
      const hmac = createHmac("sha1", authentication).update(part(offset, length));
      if (trailer >= 0) hmac.update(part(trailer, 4));
      bytes.set(hmac.digest(), out);
    },
    close: () => {},
  };
};

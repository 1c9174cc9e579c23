/**
 * What the crypto itself costs: protect and unprotect of one telephony packet by what the relay uses, by what it falls back
 * to, and by libsrtp2 where that is installed. Sessions take turns, as streams do.
 */
import { mapArena } from "../ffi/memory.ts";
import { fallbackSrtp } from "../src/media/srtp/fallback.ts";
import { libcryptoSrtp } from "../src/media/srtp/libcrypto.ts";
import type { SrtpLibrary } from "../src/media/srtp/primitives.ts";
import { SRTP_SCRATCH, SrtpSession, srtpRoom } from "../src/media/srtp/session.ts";
import { type SrtpKeys, srtpSuite } from "../src/media/srtp/suites.ts";
import { loadLibsrtp2 } from "../test/unit/srtp/libsrtp2.ts";
import { number, printTable } from "./report.ts";

const SUITES = ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"];
const PACKET = 172;
const SESSIONS = 100;
/** Packets per measurement; the best of {@link TRIES} counts, others use this machine too. */
const PACKETS = 20_000;
const TRIES = 6;

export interface LibraryFigures {
  readonly library: string;
  readonly suite: string;
  /** Microseconds per packet. */
  readonly protect: number;
  readonly unprotect: number;
}

/** Microseconds that one direction of a pair of sessions takes, for packet `n` of a session. */
interface Pair {
  protect(n: number): void;
  unprotect(n: number): void;
}

function keysOf(suite: string, seed: number): SrtpKeys {
  const known = srtpSuite(suite)!;
  return {
    suite: known,
    masterKey: new Uint8Array(known.keyBytes).fill(seed),
    masterSalt: new Uint8Array(known.saltBytes).fill(seed + 1),
    mki: new Uint8Array(),
    unencryptedRtp: false,
    unencryptedRtcp: false,
    unauthenticatedRtp: false,
  };
}

function packet(bytes: Uint8Array, at: number, sequence: number): void {
  bytes[at] = 0x80;
  bytes[at + 1] = 8;
  bytes[at + 2] = sequence >> 8;
  bytes[at + 3] = sequence;
}

/** Ours: packets in place. */
function ownPairs(library: SrtpLibrary, suite: string): Pair[] {
  const room = SRTP_SCRATCH;
  const first = room + srtpRoom(PACKET);
  const memory = mapArena(first + SESSIONS * 256);
  const arena = { address: memory.address, bytes: new Uint8Array(memory.view()) };
  const { bytes } = arena;
  return Array.from({ length: SESSIONS }, (_, i) => {
    const at = first + i * 256;
    const out = new SrtpSession(keysOf(suite, i), library, arena, 0, room);
    const back = new SrtpSession(keysOf(suite, i), library, arena, 0, room);
    const sealed = PACKET + srtpSuite(suite)!.rtpTagBytes;
    return {
      protect: (n) => {
        packet(bytes, at, n);
        out.protectRtp(at, PACKET);
      },
      unprotect: () => {
        if (back.unprotectRtp(at, sealed) !== PACKET) throw new Error(`${suite}: not what was sealed`);
      },
    };
  });
}

/** libsrtp2: its packets are copied in and out, which is a small part of the time. */
function libsrtp2Pairs(load: NonNullable<ReturnType<typeof loadLibsrtp2>>, suite: string): Pair[] {
  return Array.from({ length: SESSIONS }, (_, i) => {
    const out = load(keysOf(suite, i), "outbound");
    const back = load(keysOf(suite, i), "inbound");
    const clear = new Uint8Array(PACKET);
    let sealed: Uint8Array | number = 0;
    return {
      protect: (n) => {
        packet(clear, 0, n);
        sealed = out.protect(clear);
      },
      unprotect: () => {
        if (typeof sealed === "number" || typeof back.unprotect(sealed) === "number")
          throw new Error(`${suite}: libsrtp2 refuses`);
      },
    };
  });
}

function measure(library: string, suite: string, pairs: readonly Pair[]): LibraryFigures {
  let protect = Number.POSITIVE_INFINITY;
  let unprotect = Number.POSITIVE_INFINITY;
  let n = 0;
  for (let tries = 0; tries < TRIES; tries++) {
    let sealing = 0;
    let opening = 0;
    for (let done = 0; done < PACKETS; done += pairs.length) {
      n++;
      const start = performance.now();
      for (const pair of pairs) pair.protect(n);
      const middle = performance.now();
      for (const pair of pairs) pair.unprotect(n);
      sealing += middle - start;
      opening += performance.now() - middle;
    }
    protect = Math.min(protect, (sealing / PACKETS) * 1000);
    unprotect = Math.min(unprotect, (opening / PACKETS) * 1000);
  }
  return { library, suite, protect, unprotect };
}

export function libraryPart(): LibraryFigures[] {
  const all: LibraryFigures[] = [];
  const loaded = libcryptoSrtp();
  const libsrtp2 = loadLibsrtp2();
  for (const suite of SUITES) {
    if (!("reason" in loaded)) all.push(measure("libcrypto", suite, ownPairs(loaded, suite)));
    all.push(measure("runtime (fallback)", suite, ownPairs(fallbackSrtp, suite)));
    if (libsrtp2) all.push(measure("libsrtp2", suite, libsrtp2Pairs(libsrtp2, suite)));
  }
  printTable(
    `SRTP alone, packets of ${PACKET} bytes, ${SESSIONS} sessions in turn`,
    ["", "suite", "protect", "unprotect"],
    all.map((f) => [f.library, f.suite, `${number(f.protect)} us`, `${number(f.unprotect)} us`]),
  );
  if (!libsrtp2) console.log("libsrtp2 is not installed: not compared");
  return all;
}

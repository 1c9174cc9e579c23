/** Static RTP payload types (RFC 3551 section 6, tables 4 and 5). */
import type { PayloadFormat } from "./model.ts";

const NO_FEEDBACK: readonly string[] = [];

const ENCODINGS: readonly (readonly [payloadType: number, name: string, clockRate: number, channels?: number])[] = [
  [0, "PCMU", 8000],
  [3, "GSM", 8000],
  [4, "G723", 8000],
  [5, "DVI4", 8000],
  [6, "DVI4", 16000],
  [7, "LPC", 8000],
  [8, "PCMA", 8000],
  [9, "G722", 8000],
  [10, "L16", 44100, 2],
  [11, "L16", 44100],
  [12, "QCELP", 8000],
  [13, "CN", 8000],
  [14, "MPA", 90000],
  [15, "G728", 8000],
  [16, "DVI4", 11025],
  [17, "DVI4", 22050],
  [18, "G729", 8000],
  [25, "CelB", 90000],
  [26, "JPEG", 90000],
  [28, "nv", 90000],
  [31, "H261", 90000],
  [32, "MPV", 90000],
  [33, "MP2T", 90000],
  [34, "H263", 90000],
];

/** The format each payload type number has without an `a=rtpmap`: index 0-127, nameless where RFC 3551 is silent. */
export const DEFAULT_FORMATS: readonly PayloadFormat[] = Array.from({ length: 128 }, (_, payloadType) => {
  const found = ENCODINGS.find(([number]) => number === payloadType);
  return {
    payloadType,
    name: found?.[1],
    clockRate: found?.[2],
    channels: found?.[3],
    fmtp: undefined,
    feedback: NO_FEEDBACK,
  };
});

/** The static number of an encoding, matched without regard to case; undefined when it has none. */
export function staticPayloadType(name: string, clockRate: number, channels = 1): number | undefined {
  const wanted = name.toLowerCase();
  return ENCODINGS.find(
    ([, other, rate, count]) => other.toLowerCase() === wanted && rate === clockRate && (count ?? 1) === channels,
  )?.[0];
}

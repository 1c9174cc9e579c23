/**
 * The worked examples of the reference (15), as far as reading, the pure rewriting steps and printing go: each test says
 * what call state would decide (ports, keys, protocol), the texts are in the files beside it. `*.sdp` files have LF line
 * ends; on the wire they are CRLF.
 */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatCandidate } from "../../../src/sdp/candidates.ts";
import { allowMixed, answerExtensions, offerExtensions, withMidExtension } from "../../../src/sdp/extensions.ts";
import { answerFormats } from "../../../src/sdp/formats.ts";
import type {
  Connection,
  MediaDescription,
  OutputDescription,
  OutputMedia,
  SessionDescription,
} from "../../../src/sdp/model.ts";
import { allowedLines, sdesPolicy } from "../../../src/sdp/sdes.ts";
import { writeSdp } from "../../../src/sdp/write.ts";
import { echo, parsed } from "../../unit/sdp/echo.ts";

function file(name: string): string {
  return readFileSync(join(import.meta.dir, `${name}.sdp`), "latin1").replaceAll("\n", "\r\n");
}

const OURS: Connection = { family: 4, address: "198.51.100.7" };

/** A plain RTP section at our address, with nothing of ICE or SRTP. */
function proxied(media: MediaDescription, port: number, changes: Partial<OutputMedia> = {}): OutputMedia {
  return {
    type: media.type,
    port,
    protocol: media.protocol,
    formatText: media.formats.map(({ payloadType }) => payloadType).join(" "),
    info: media.info,
    connection: OURS,
    bandwidth: media.bandwidth,
    mid: media.mid,
    label: media.label,
    formats: media.formats,
    extmapAllowMixed: false,
    extmap: [],
    others: media.others,
    direction: media.direction ?? "sendrecv",
    rtcp: String(port + 1),
    rtcpMux: false,
    crypto: [],
    ptime: media.ptime,
    maxptime: media.maxptime,
    ...changes,
  };
}

function session(description: SessionDescription, changes: Partial<OutputDescription>): OutputDescription {
  return { ...echo(description), groups: [], ...changes };
}

function matches(name: string, rewrite: (description: SessionDescription) => Partial<OutputDescription>): void {
  const description = parsed(file(`${name}.in`));
  expect(description.warnings).toEqual([]);
  expect(writeSdp(session(description, rewrite(description)), new Map())).toBe(file(`${name}.out`));
}

const FINGERPRINT = {
  hash: "sha-256",
  value: "11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00",
};

function host(foundation: string, priority: number, address: string, port: number): string {
  const endpoint = { address, port };
  return formatCandidate({ foundation, component: 1, priority, endpoint, type: "host", related: undefined });
}

const BROWSER = {
  protocol: "UDP/TLS/RTP/SAVPF",
  rtcpMux: true,
  fingerprint: FINGERPRINT,
  tlsId: "0123456789abcdef0123456789abcdef",
  iceUfrag: "Xy12Ab34",
  icePwd: "abcdefghijklmnopqrstuvwxyz",
  iceOptions: "trickle",
  endOfCandidates: true,
} as const;

test("plain offer", () => {
  matches("plain-offer", ({ media }) => ({ media: [proxied(media[0]!, 30000)] }));
});

test("plain answer, in the words of the offer", () => {
  const offered = parsed(file("plain-offer.in")).media[0]!;
  matches("plain-answer", ({ media }) => {
    const { formats } = answerFormats(offered.formats, media[0]!.formats, {
      singleCodec: false,
      allowAsymmetric: false,
    });
    return { media: [proxied(media[0]!, 30002, { formats })] };
  });
});

test("browser offer to a plain phone", () => {
  matches("browser-to-plain-offer", ({ origin, media }) => {
    const extmap = offerExtensions(media[0]!.extmap, [], []);
    return {
      origin: { ...origin!, address: OURS.address },
      media: [
        proxied(media[0]!, 30000, { protocol: "RTP/AVP", extmap, extmapAllowMixed: allowMixed(extmap, undefined) }),
      ],
    };
  });
});

test("the plain phone's answer to the browser", () => {
  const offered = parsed(file("browser-to-plain-offer.in")).media[0]!;
  matches("browser-to-plain-answer", ({ origin, media }) => {
    const answered = media[0]!;
    const { formats } = answerFormats(offered.formats, answered.formats, {
      singleCodec: false,
      allowAsymmetric: false,
    });
    const extmap = answerExtensions(offered.extmap, answered.extmap, [], []);
    return {
      origin: { ...origin!, address: OURS.address },
      media: [
        proxied(answered, 30002, {
          ...BROWSER,
          mid: offered.mid,
          formats,
          extmap,
          extmapAllowMixed: allowMixed(extmap, offered),
          rtcp: "30002",
          setup: "active",
          candidates: [host("Fo0123456789abcd", 2130706431, OURS.address, 30002)],
        }),
      ],
    };
  });
});

test("plain phone's offer to a browser", () => {
  matches("plain-to-browser-offer", ({ media }) => {
    const extmap = withMidExtension(media[0]!.extmap);
    return {
      groups: ["BUNDLE 1"],
      media: [
        proxied(media[0]!, 30000, {
          ...BROWSER,
          mid: "1",
          extmap,
          extmapAllowMixed: allowMixed(extmap, undefined),
          rtcp: undefined,
          setup: "actpass",
          candidates: [
            host("Fo0123456789abcd", 2130706431, OURS.address, 30000),
            host("Go0123456789abcd", 2130706175, "2001:db8::7", 30004),
          ],
        }),
      ],
    };
  });
});

test("SDES offer limited to one suite", () => {
  const policy = sdesPolicy(["only-AES_CM_128_HMAC_SHA1_80"]);
  matches("sdes-offer", ({ media }) => ({
    media: [proxied(media[0]!, 30000, { crypto: allowedLines(media[0]!.crypto, policy) })],
  }));
});

test("hold by zero address", () => {
  matches("hold-offer", ({ media }) => ({
    media: [proxied(media[0]!, 30000, { connection: media[0]!.connection!, direction: "sendonly" })],
  }));
});

test("rejected video", () => {
  matches("rejected-video-answer", ({ media }) => ({
    media: [
      proxied(media[0]!, 30002),
      proxied(media[1]!, 0, { formatText: media[1]!.formatText, connection: { family: 4, address: "0.0.0.0" } }),
    ],
  }));
});

test("T.38 passed through", () => {
  matches("t38-offer", ({ media }) => ({
    media: [proxied(media[0]!, 30000, { formatText: media[0]!.formatText, copied: media[0]!.all })],
  }));
});

test("IPv4 to IPv6", () => {
  const connection: Connection = { family: 6, address: "2001:db8::7" };
  matches("ipv4-to-ipv6-offer", ({ origin, media }) => ({
    origin: { ...origin!, addressType: "IP6", address: connection.address },
    media: [proxied(media[0]!, 30000, { connection })],
  }));
});

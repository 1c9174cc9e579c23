import { expect, test } from "bun:test";
import fc from "fast-check";
import type { AttributeEdits } from "../../../src/call/directives.ts";
import type { OutputDescription, OutputMedia, PayloadFormat } from "../../../src/sdp/model.ts";
import { isSdpError, parseSdp } from "../../../src/sdp/parse.ts";
import { writeSdp } from "../../../src/sdp/write.ts";
import { echo, PLAIN, parsed } from "./echo.ts";

const NO_EDITS: ReadonlyMap<string, AttributeEdits> = new Map();

const word = fc.stringMatching(/^[A-Za-z0-9._+-]{1,12}$/);
const words = fc.array(word, { minLength: 1, maxLength: 4 }).map((list) => list.join(" "));
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const address = fc.oneof(
  fc
    .tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
    .map((bytes) => ({ family: 4 as const, address: bytes.join(".") })),
  fc
    .integer({ min: 1, max: 0xffff })
    .map((group) => ({ family: 6 as const, address: `2001:db8::${group.toString(16)}` })),
);
const port = fc.integer({ min: 1, max: 65535 });
const bandwidth = fc.record(
  { AS: fc.nat(9999), RR: fc.nat(9999), RS: fc.nat(9999), CT: fc.nat(9999), TIAS: fc.nat(9999999) },
  { requiredKeys: [] },
);

const format: fc.Arbitrary<PayloadFormat> = fc.record({
  payloadType: fc.integer({ min: 96, max: 127 }),
  name: word,
  clockRate: fc.integer({ min: 1, max: 192000 }),
  channels: maybe(fc.integer({ min: 1, max: 8 })),
  fmtp: maybe(words),
  feedback: fc.array(words, { maxLength: 3 }),
});

const media: fc.Arbitrary<OutputMedia> = fc
  .record({
    type: fc.constantFrom("audio", "video", "text"),
    port,
    protocol: fc.constantFrom("RTP/AVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"),
    info: maybe(words),
    connection: address,
    bandwidth,
    mid: maybe(word),
    label: maybe(word),
    bundleOnly: fc.boolean(),
    formats: fc.uniqueArray(format, { minLength: 1, maxLength: 6, selector: ({ payloadType }) => payloadType }),
    extmapAllowMixed: fc.boolean(),
    extmap: fc.array(
      fc.record({
        id: fc.integer({ min: 1, max: 255 }),
        direction: fc.constantFrom("", "/sendonly", "/inactive"),
        uri: word,
        parameters: fc.oneof(fc.constant(""), words),
      }),
      { maxLength: 3 },
    ),
    others: fc.array(
      words.map((text) => `X-${text}`),
      { maxLength: 4 },
    ),
    direction: fc.constantFrom("sendrecv", "sendonly", "recvonly", "inactive"),
    rtcp: maybe(port.map(String)),
    rtcpMux: fc.constant(true),
    crypto: fc.array(
      fc.record({
        tag: fc.nat(99),
        suite: fc.constantFrom("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"),
        params: words.map((text) => `inline:${text}`),
      }),
      { maxLength: 3 },
    ),
    ptime: maybe(fc.integer({ min: 1, max: 200 })),
    maxptime: maybe(fc.integer({ min: 1, max: 200 })),
    candidates: fc.array(
      fc
        .tuple(word, fc.integer({ min: 1, max: 2 }), fc.nat(), address, port)
        .map(([f, component, priority, a, p]) => `${f} ${component} UDP ${priority} ${a.address} ${p} typ host`),
      { maxLength: 3 },
    ),
    endOfCandidates: fc.boolean(),
  })
  .map((record) => ({ ...record, formatText: record.formats.map(({ payloadType }) => payloadType).join(" ") }));

const description: fc.Arbitrary<OutputDescription> = fc.record({
  origin: fc.record({
    username: word,
    sessionId: word,
    version: fc.nat().map(String),
    addressType: fc.constantFrom("IP4", "IP6"),
    address: word,
  }),
  name: fc.oneof(fc.constant(""), words),
  info: maybe(words),
  uri: maybe(word),
  email: maybe(words),
  phone: maybe(words),
  bandwidth,
  timing: fc.constantFrom("0 0", "1 2"),
  loopId: maybe(fc.constant("0123456789ab")),
  iceLite: fc.constant(false),
  groups: fc.array(words, { maxLength: 2 }),
  others: fc.array(
    words.map((text) => `X-${text}`),
    { maxLength: 3 },
  ),
  media: fc.array(media, { maxLength: 4 }),
});

test("what we print reads back as what we meant", () => {
  fc.assert(
    fc.property(description, (meant) => {
      const text = writeSdp(meant, NO_EDITS);
      const read = parsed(text);
      expect(read.warnings).toEqual([]);
      expect(writeSdp(echo(read), NO_EDITS)).toBe(text);
      expect(read.media.map(({ formats }) => formats)).toEqual(meant.media.map(({ formats }) => [...formats]));
      expect(read.media.map(({ connection }) => connection)).toEqual(meant.media.map(({ connection }) => connection));
      expect(read.media.map(({ others }) => others)).toEqual(meant.media.map(({ others }) => [...others]));
    }),
    { numRuns: 300 },
  );
});

test("printing is deterministic and reads nothing but its arguments", () => {
  fc.assert(
    fc.property(description, (meant) => {
      const copy = structuredClone(meant);
      expect(writeSdp(meant, NO_EDITS)).toBe(writeSdp(copy, NO_EDITS));
      expect(meant).toEqual(copy);
    }),
    { numRuns: 100 },
  );
});

test("any bytes whatever give a description or an error within the text, never an exception", () => {
  const bytes = fc.array(fc.nat(255), { maxLength: 300 }).map((codes) => String.fromCharCode(...codes));
  const lines = fc
    .array(fc.tuple(fc.constantFrom(..."vosiuepcbtamkrzxq"), fc.string({ unit: "binary-ascii", maxLength: 40 })))
    .map((list) => `v=0\r\n${list.map(([letter, value]) => `${letter}=${value}\r\n`).join("")}`);
  fc.assert(
    fc.property(fc.oneof(bytes, lines), fc.boolean(), fc.boolean(), (text, fragment, rejectEmptyLine) => {
      const result = parseSdp(text, { fragment, rejectEmptyLine });
      if (isSdpError(result)) {
        expect(result.offset).toBeGreaterThanOrEqual(0);
        expect(result.offset).toBeLessThanOrEqual(text.length);
      } else {
        const once = writeSdp(echo(result), NO_EDITS);
        expect(writeSdp(echo(parsed(once)), NO_EDITS)).toBe(once);
      }
    }),
    { numRuns: 1000 },
  );
});

test("each line end the parser accepts gives the same description", () => {
  fc.assert(
    fc.property(description, (meant) => {
      const text = writeSdp(meant, NO_EDITS);
      expect(parseSdp(text.replaceAll("\r\n", "\n"), PLAIN)).toEqual(parseSdp(text, PLAIN));
    }),
    { numRuns: 100 },
  );
});

/** The worked examples of the SDP reference, byte for byte. */
import { describe, expect, test } from "bun:test";
import { flags, interfaceAddress, Scene, sdp } from "../../unit/call/scene.ts";

function ipv4Scene(): Scene {
  const addresses = [interfaceAddress("default", "198.51.100.7")];
  return new Scene({ interfaces: { interfaces: [{ name: "default", addresses }], aliases: new Map() } });
}

/** What is random, or made from something random, each checked for its form. */
function placeholders(text: string): string {
  return text
    .replace(/(a=fingerprint:sha-256) [0-9A-F]{2}(:[0-9A-F]{2}){31}\r/g, "$1 FINGERPRINT\r")
    .replace(/a=tls-id:[0-9a-f]{32}\r/g, "a=tls-id:TLS-ID\r")
    .replace(/a=ice-ufrag:[A-Za-z0-9]{8}\r/g, "a=ice-ufrag:UFRAG\r")
    .replace(/a=ice-pwd:[A-Za-z0-9]{26}\r/g, "a=ice-pwd:PWD\r")
    .replace(/a=candidate:[A-Za-z0-9]{16} /g, "a=candidate:FOUNDATION ");
}

describe("15.1 plain offer and answer, no flags", () => {
  const scene = new Scene();

  test("offer", () => {
    const out = scene.offer(`
      v=0
      o=alice 100 1 IN IP4 192.0.2.10
      s=call
      c=IN IP4 192.0.2.10
      t=0 0
      a=tool:demo
      m=audio 4000 RTP/AVP 8 0 101
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
      a=ptime:20
      a=silenceSupp:off - - - -
    `);
    expect(out).toBe(
      sdp(`
      v=0
      o=alice 100 1 IN IP4 192.0.2.10
      s=call
      t=0 0
      a=tool:demo
      m=audio 30000 RTP/AVP 8 0 101
      c=IN IP4 198.51.100.7
      a=rtpmap:8 PCMA/8000
      a=rtpmap:0 PCMU/8000
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
      a=silenceSupp:off - - - -
      a=sendrecv
      a=rtcp:30001
      a=ptime:20
    `),
    );
  });

  test("answer", () => {
    const out = scene.answer(`
      v=0
      o=bob 7 7 IN IP4 192.0.2.30
      s=call
      c=IN IP4 192.0.2.30
      t=0 0
      m=audio 6000 RTP/AVP 8 101
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
    `);
    expect(out).toBe(
      sdp(`
      v=0
      o=bob 7 7 IN IP4 192.0.2.30
      s=call
      t=0 0
      m=audio 30002 RTP/AVP 8 101
      c=IN IP4 198.51.100.7
      a=rtpmap:8 PCMA/8000
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
      a=sendrecv
      a=rtcp:30003
    `),
    );
  });
});

describe("15.2 and 15.3 a browser calls a plain phone: trust-address replace-origin ICE=remove RTP/AVP rtcp-mux-demux", () => {
  const scene = ipv4Scene();

  test("offer", () => {
    const out = scene.offer(
      `
    v=0
    o=- 4611 2 IN IP4 127.0.0.1
    s=-
    t=0 0
    a=group:BUNDLE 0
    a=extmap-allow-mixed
    a=msid-semantic: WMS
    m=audio 50000 UDP/TLS/RTP/SAVPF 111 0 110
    c=IN IP4 192.0.2.20
    a=rtcp:9 IN IP4 0.0.0.0
    a=candidate:1 1 udp 2122260223 192.0.2.20 50000 typ host generation 0
    a=ice-ufrag:abcd
    a=ice-pwd:0123456789abcdef01234567
    a=ice-options:trickle
    a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99
    a=setup:actpass
    a=mid:0
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=sendrecv
    a=msid:- t1
    a=rtcp-mux
    a=rtpmap:111 opus/48000/2
    a=rtcp-fb:111 transport-cc
    a=fmtp:111 minptime=10;useinbandfec=1
    a=rtpmap:110 telephone-event/48000
    a=ssrc:1 cname:x
  `,
      {
        flags: new Set(["trust-address"]),
        replace: new Set(["origin"]),
        ice: "remove",
        transport: "RTP/AVP",
        rtcpMux: new Set(["demux"]),
      },
    );
    expect(out).toBe(
      sdp(`
    v=0
    o=- 4611 2 IN IP4 198.51.100.7
    s=-
    t=0 0
    a=msid-semantic: WMS
    m=audio 30000 RTP/AVP 111 0 110
    c=IN IP4 198.51.100.7
    a=mid:0
    a=rtpmap:111 opus/48000/2
    a=fmtp:111 useinbandfec=1; minptime=10
    a=rtcp-fb:111 transport-cc
    a=rtpmap:0 PCMU/8000
    a=rtpmap:110 telephone-event/48000
    a=extmap-allow-mixed
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=msid:- t1
    a=ssrc:1 cname:x
    a=sendrecv
    a=rtcp:30001
  `),
    );
  });

  const answer = `
    v=0
    o=bob 7 7 IN IP4 192.0.2.30
    s=-
    c=IN IP4 192.0.2.30
    t=0 0
    m=audio 6000 RTP/AVP 0
  `;
  const expected = (protocol: string) =>
    sdp(`
      v=0
      o=bob 7 7 IN IP4 198.51.100.7
      s=-
      t=0 0
      m=audio 30002 ${protocol} 0
      c=IN IP4 198.51.100.7
      a=mid:0
      a=rtpmap:0 PCMU/8000
      a=sendrecv
      a=rtcp:30002
      a=rtcp-mux
      a=setup:active
      a=fingerprint:sha-256 FINGERPRINT
      a=tls-id:TLS-ID
      a=ice-ufrag:UFRAG
      a=ice-pwd:PWD
      a=ice-options:trickle
      a=candidate:FOUNDATION 1 UDP 2130706431 198.51.100.7 30002 typ host
      a=end-of-candidates
    `);

  test("answer with replace-origin ICE=force", () => {
    const out = scene.answer(answer, { replace: new Set(["origin"]), ice: "force" });
    expect(placeholders(out)).toBe(expected("UDP/TLS/RTP/SAVPF"));
  });

  test("answer with RTP/SAVPF given explicitly", () => {
    const out = scene.answer(answer, { replace: new Set(["origin"]), ice: "force", transport: "RTP/SAVPF" });
    expect(placeholders(out)).toBe(expected("RTP/SAVPF"));
  });
});

test("15.4 SIP offer to a browser, flag WebRTC", () => {
  const out = new Scene().offer(
    `
    v=0
    o=alice 100 1 IN IP4 192.0.2.10
    s=call
    c=IN IP4 192.0.2.10
    t=0 0
    m=audio 4000 RTP/AVP 0 8
  `,
    flags("WebRTC"),
  );
  // Each local address has a port range of its own, so the IPv6 port is what the IPv6 range begins with.
  expect(placeholders(out)).toBe(
    sdp(`
    v=0
    o=alice 100 1 IN IP4 192.0.2.10
    s=call
    t=0 0
    a=group:BUNDLE 1
    m=audio 30000 UDP/TLS/RTP/SAVPF 0 8
    c=IN IP4 198.51.100.7
    a=mid:1
    a=rtpmap:0 PCMU/8000
    a=rtpmap:8 PCMA/8000
    a=extmap-allow-mixed
    a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
    a=sendrecv
    a=rtcp-mux
    a=setup:actpass
    a=fingerprint:sha-256 FINGERPRINT
    a=tls-id:TLS-ID
    a=ice-ufrag:UFRAG
    a=ice-pwd:PWD
    a=ice-options:trickle
    a=candidate:FOUNDATION 1 UDP 2130706431 198.51.100.7 30000 typ host
    a=candidate:FOUNDATION 1 UDP 2130706175 2001:db8::7 30000 typ host
    a=end-of-candidates
  `),
  );
});

describe("15.5 SDES both sides, DTLS=off SDES-only-AES_CM_128_HMAC_SHA1_80", () => {
  const scene = new Scene();
  const options = { dtls: "off" as const, sdes: ["only-AES_CM_128_HMAC_SHA1_80"] };

  test("offer", () => {
    const out = scene.offer(
      `
      v=0
      o=alice 100 1 IN IP4 192.0.2.10
      s=call
      c=IN IP4 192.0.2.10
      t=0 0
      m=audio 4000 RTP/SAVP 0
      a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
      a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj
    `,
      options,
    );
    expect(out).toBe(
      sdp(`
      v=0
      o=alice 100 1 IN IP4 192.0.2.10
      s=call
      t=0 0
      m=audio 30000 RTP/SAVP 0
      c=IN IP4 198.51.100.7
      a=rtpmap:0 PCMU/8000
      a=sendrecv
      a=rtcp:30001
      a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
    `),
    );
  });

  test("the answer's key is passed on: packets pass without decryption", () => {
    const out = scene.answer(
      `
      v=0
      o=bob 7 7 IN IP4 192.0.2.30
      s=call
      c=IN IP4 192.0.2.30
      t=0 0
      m=audio 6000 RTP/SAVP 0
      a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj
    `,
      options,
    );
    expect(out).toBe(
      sdp(`
      v=0
      o=bob 7 7 IN IP4 192.0.2.30
      s=call
      t=0 0
      m=audio 30002 RTP/SAVP 0
      c=IN IP4 198.51.100.7
      a=rtpmap:0 PCMU/8000
      a=sendrecv
      a=rtcp:30003
      a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj
    `),
    );
  });
});

const offerOf = (media: string, connection = "192.0.2.10") => `
  v=0
  o=alice 100 2 IN IP4 192.0.2.10
  s=call
  c=IN IP4 ${connection}
  t=0 0
  ${media}
`;
const answerOf = (media: string) => `
  v=0
  o=bob 7 7 IN IP4 192.0.2.30
  s=call
  c=IN IP4 192.0.2.30
  t=0 0
  ${media}
`;

/** What follows the session part. */
function media(text: string): string {
  return text.slice(text.indexOf("m="));
}

test("15.6 hold with the zero address and the answer to it", () => {
  const scene = new Scene();
  scene.offer(offerOf("m=audio 4000 RTP/AVP 8"));
  scene.answer(answerOf("m=audio 6000 RTP/AVP 8"));
  const held = scene.offer(offerOf("m=audio 4000 RTP/AVP 8", "0.0.0.0"), { toTag: "B" });
  expect(media(held)).toBe(
    sdp(`
      m=audio 30000 RTP/AVP 8
      c=IN IP4 0.0.0.0
      a=rtpmap:8 PCMA/8000
      a=sendonly
      a=rtcp:30001
    `),
  );
  const answered = scene.answer(answerOf("m=audio 6000 RTP/AVP 8\na=recvonly"));
  expect(media(answered)).toBe(
    sdp(`
      m=audio 30002 RTP/AVP 8
      c=IN IP4 198.51.100.7
      a=rtpmap:8 PCMA/8000
      a=recvonly
      a=rtcp:30003
    `),
  );
});

test("15.6 hold with a=sendonly and a real address", () => {
  const scene = new Scene();
  scene.offer(offerOf("m=audio 4000 RTP/AVP 8"));
  scene.answer(answerOf("m=audio 6000 RTP/AVP 8"));
  const held = scene.offer(offerOf("m=audio 4000 RTP/AVP 8\na=sendonly"), { toTag: "B" });
  expect(media(held)).toBe(
    sdp(`
      m=audio 30000 RTP/AVP 8
      c=IN IP4 198.51.100.7
      a=rtpmap:8 PCMA/8000
      a=sendonly
      a=rtcp:30001
    `),
  );
});

test("15.7 rejected video", () => {
  const scene = new Scene();
  scene.offer(offerOf("m=audio 4000 RTP/AVP 0\na=mid:a\nm=video 4002 RTP/AVP 105\na=rtpmap:105 H264/90000\na=mid:v"));
  const out = scene.answer(answerOf("m=audio 6000 RTP/AVP 0\nm=video 0 RTP/AVP 105"));
  expect(media(out)).toBe(
    sdp(`
      m=audio 30002 RTP/AVP 0
      c=IN IP4 198.51.100.7
      a=mid:a
      a=rtpmap:0 PCMU/8000
      a=sendrecv
      a=rtcp:30003
      m=video 0 RTP/AVP 105
      c=IN IP4 0.0.0.0
      a=mid:v
    `),
  );
});

test("15.8 T.38 re-INVITE passed through", () => {
  const fax = `m=image 4010 udptl t38
    a=T38FaxVersion:0
    a=T38FaxRateManagement:transferredTCF
    a=T38FaxUdpEC:t38UDPRedundancy`;
  const out = new Scene().offer(offerOf(fax));
  expect(media(out)).toBe(
    sdp(`
      m=image 30000 udptl t38
      c=IN IP4 198.51.100.7
      a=T38FaxVersion:0
      a=T38FaxRateManagement:transferredTCF
      a=T38FaxUdpEC:t38UDPRedundancy
    `),
  );
});

test("15.9 IPv4 to IPv6 with address-family=IP6 replace-origin, and back without any flag", () => {
  const scene = new Scene();
  const out = scene.offer(offerOf("m=audio 4000 RTP/AVP 8"), { addressFamily: 6, replace: new Set(["origin"]) });
  expect(out).toBe(
    sdp(`
      v=0
      o=alice 100 2 IN IP6 2001:db8::7
      s=call
      t=0 0
      m=audio 30000 RTP/AVP 8
      c=IN IP6 2001:db8::7
      a=rtpmap:8 PCMA/8000
      a=sendrecv
      a=rtcp:30001
    `),
  );
  const back = scene.answer(`
    v=0
    o=bob 7 7 IN IP6 2001:db8::30
    s=call
    c=IN IP6 2001:db8::30
    t=0 0
    m=audio 6000 RTP/AVP 8
  `);
  expect(media(back)).toBe(
    sdp(`
      m=audio 30000 RTP/AVP 8
      c=IN IP4 198.51.100.7
      a=rtpmap:8 PCMA/8000
      a=sendrecv
      a=rtcp:30001
    `),
  );
});

test("an interface behind NAT shows its advertised address", () => {
  const address = interfaceAddress("pub", "203.0.113.10", 4, "10.0.0.5");
  const scene = new Scene({ interfaces: { interfaces: [{ name: "pub", addresses: [address] }], aliases: new Map() } });
  const out = scene.offer(offerOf("m=audio 4000 RTP/AVP 8"), { replace: new Set(["origin"]) });
  expect(out).toContain("o=alice 100 2 IN IP4 203.0.113.10\r\n");
  expect(out).toContain("c=IN IP4 203.0.113.10\r\n");
});

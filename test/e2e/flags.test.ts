import { expect } from "bun:test";
import { CALLEE, CALLER, CALLER_MEDIA, MEDIA, MEDIA_IPV6, NG } from "./network.ts";
import { NgCall, plainSdp } from "./ng-call.ts";
import { decodeNg, type NgDictionary, type NgValue } from "./ng-client.ts";
import { DAEMON, IPV6, KAMAILIO, notThePeer, SIPP } from "./requirement.ts";
import { scenario } from "./scene.ts";
import { audioSdp } from "./sdp-text.ts";

/** An offer with everything that the flags below work on. */
const OFFER = [
  "v=0",
  "o=alice 1 1 IN IP4 127.77.0.1",
  "s=call",
  "c=IN IP4 127.77.0.1",
  "t=0 0",
  "m=audio 4000 RTP/AVP 0 8 9 101",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:9 G722/8000",
  "a=rtpmap:101 telephone-event/8000",
  "a=rtcp-mux",
  "a=candidate:1 1 UDP 2130706431 127.77.0.1 4000 typ host",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:abcdefghijklmnopqrstuv",
  "a=sendrecv",
  "",
].join("\r\n");

/** Ports and session ids differ from call to call. */
function shape(sdp: NgValue | undefined): string {
  return String(sdp)
    .replace(/^(m=\w+) (?!0 )\d+/gm, "$1 PORT")
    .replace(/^a=rtcp:\d+/gm, "a=rtcp:PORT")
    .replace(/^o=(\S+) \d+ \d+/gm, "o=$1 ID VERSION");
}

const FLAGS = [
  "trust-address replace-origin replace-session-connection ICE=remove RTP/AVP",
  "replace-origin replace-session-name ICE=remove rtcp-mux-demux",
  "ICE=remove rtcp-mux-reject symmetric no-rtcp-attribute",
  "ICE=remove full-rtcp-attribute codec-strip-PCMU codec-strip-G722",
  "ICE=remove codec-strip-all codec-offer-PCMA codec-offer-telephone-event",
  "ICE=remove address-family=IP6 RTP/AVPF",
  "ICE=remove media-address=198.51.100.77 external internal",
  "ICE=remove AVPF rtcp-mux-require loop-protect generate-mid",
  "force trust-address repacketize=20 to-nowhere=1 ICE=remove delete-delay=0 TOS=184",
];

scenario(
  "flags parsed by Kamailio's module and by the daemon (rtpp-flags) give the same SDP",
  [DAEMON, KAMAILIO, SIPP, IPV6, notThePeer("does not know rtpp-flags")],
  async (scene) => {
    const daemon = await scene.startDaemon({
      interfaces: [`internal/${MEDIA}`, `internal/${MEDIA_IPV6}`, `external/127.0.20.9`],
    });
    for (const [i, flags] of FLAGS.entries()) {
      const byModule = await moduleKeys(scene, flags);
      const parsed = new NgCall(daemon.ng, `parsed-${i}`);
      const asString = new NgCall(daemon.ng, `string-${i}`);
      const one = await parsed.offer({ ...byModule, sdp: OFFER });
      const two = await asString.offer({ sdp: OFFER, "rtpp-flags": flags });
      expect(one["result"], flags).toBe("ok");
      expect(shape(two["sdp"]), flags).toBe(shape(one["sdp"]));
      const three = await parsed.answer({ ...byModule, sdp: plainSdp(4_100) });
      const four = await asString.answer({ sdp: plainSdp(4_100), "rtpp-flags": flags });
      expect(three["result"], flags).toBe("ok");
      expect(shape(four["sdp"]), flags).toBe(shape(three["sdp"]));
      await parsed.delete();
      await asString.delete();
    }
    await daemon.expectIdle();
  },
);

/** The keys that Kamailio's module makes of a flags string: one INVITE through it, towards an ng server that only listens. */
async function moduleKeys(scene: Parameters<Parameters<typeof scenario>[2]>[0], flags: string): Promise<NgDictionary> {
  let arrived!: (offer: NgDictionary) => void;
  const offer = new Promise<NgDictionary>((resolve) => {
    arrived = resolve;
  });
  const listener = await Bun.udpSocket({
    hostname: NG.address,
    port: NG.port + 1,
    socket: {
      data(socket, data, port, address) {
        const text = data.toString("latin1");
        const cookie = text.slice(0, text.indexOf(" "));
        const request = decodeNg(text.slice(cookie.length + 1)) as NgDictionary;
        socket.send(
          `${cookie} ${request["command"] === "ping" ? "d6:result4:ponge" : "d6:result5:errore"}`,
          port,
          address,
        );
        if (request["command"] === "offer") arrived(request);
      },
    },
  });
  const proxy = await scene.startProxy({ config: "explicit.cfg", offerFlags: flags, ngPort: NG.port + 1 });
  const callee = scene.agent({
    name: `callee-${performance.now()}`,
    scenario: "uas",
    address: CALLEE,
    texts: { sdp: audioSdp("callee") },
  });
  const caller = scene.agent({
    name: `caller-${performance.now()}`,
    scenario: "uac",
    address: CALLER,
    fields: [[CALLER_MEDIA, 4_000]],
    texts: { sdp: audioSdp("caller") },
  });
  try {
    const { sdp: _, "call-id": __, "from-tag": ___, command: ____, ...keys } = await offer;
    return keys;
  } finally {
    await Promise.all([caller.stop(), callee.stop()]);
    await proxy.stop();
    listener.close();
  }
}

scenario("hundreds of unknown keys and flags do not fail an offer", [DAEMON], async (scene) => {
  const { ng } = await scene.startDaemon();
  const call = new NgCall(ng, "unknown-flags");
  const unknown = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key-of-tomorrow-${i}`, `value ${i}`]));
  const flags = Array.from({ length: 300 }, (_, i) => `flag-of-tomorrow-${i}`);
  const reply = await call.offer({ ...unknown, flags });
  expect(reply["result"]).toBe("ok");
  expect((await call.delete())["result"]).toBe("ok");
  await scene.daemon.expectIdle();
});

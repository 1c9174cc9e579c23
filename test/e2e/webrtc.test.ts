/** A real browser and a plain phone, through the daemon, with the flags of the usual guides. */
import { expect } from "bun:test";
import { settled } from "./deadline.ts";
import { CALLEE, CALLEE_MEDIA, CALLER, NAT_OUTSIDE } from "./network.ts";
import { type NgClient, type NgDictionary, pick } from "./ng-client.ts";
import { DAEMON, KAMAILIO, notThePeer, SIPP } from "./requirement.ts";
import { type Scene, scenario } from "./scene.ts";
import { sdpSections } from "./sip-message.ts";
import { TonePhone } from "./tone-phone.ts";
import { VideoEcho } from "./video-echo.ts";
import { Browser, BrowserCall, CHROMIUM } from "./webrtc-browser.ts";

const NEEDS = [DAEMON, CHROMIUM, notThePeer("is not what these scenarios are about")];
const BROWSER_TONE = 600;
const PHONE_TONE = 1_000;

/** One signalling step, with a flag string as scripts have it. */
class Signalling {
  constructor(
    private readonly ng: NgClient,
    private readonly callId: string,
  ) {}

  async offer(sdp: string, flags: string, more: NgDictionary = {}): Promise<string> {
    return await this.#send("offer", sdp, flags, more);
  }

  async answer(sdp: string, flags: string, more: NgDictionary = {}): Promise<string> {
    return await this.#send("answer", sdp, flags, { "to-tag": "b", ...more });
  }

  async fragment(sdp: string, more: NgDictionary = {}): Promise<void> {
    const reply = await this.ng.request({
      command: "offer",
      "call-id": this.callId,
      "from-tag": "a",
      flags: ["fragment"],
      sdp,
      ...more,
    });
    expect(reply["result"]).toBe("ok");
  }

  async #send(command: string, sdp: string, flags: string, more: NgDictionary): Promise<string> {
    const reply = await this.ng.request({
      command,
      "call-id": this.callId,
      "from-tag": "a",
      "rtpp-flags": flags,
      sdp,
      ...more,
    });
    if (reply["result"] !== "ok") throw new Error(`${command}: ${JSON.stringify(reply)}`);
    return String(reply["sdp"]);
  }

  async delete(): Promise<void> {
    expect((await this.ng.request({ command: "delete", "call-id": this.callId }))["result"]).toBe("ok");
  }
}

async function startBrowser(scene: Scene): Promise<Browser> {
  const browser = await Browser.start();
  scene.atEnd(() => browser.stop());
  return browser;
}

async function openPhone(scene: Scene): Promise<TonePhone> {
  const phone = await TonePhone.open(CALLEE_MEDIA, PHONE_TONE);
  scene.atEnd(() => phone.close());
  return phone;
}

function talk(phone: TonePhone, sdp: string): void {
  const { rtp, rtcp } = sdpSections(sdp)[0]!;
  phone.talkTo(rtp, rtcp);
}

/** Both hear the other's tone, and the browser got reports about what it sends. */
async function expectConversation(call: BrowserCall, phone: TonePhone): Promise<void> {
  await settled(async () => {
    const { connection, ice, dtls } = await call.state();
    return connection === "connected" ? undefined : `connection ${connection}, ICE ${ice}, DTLS ${dtls}`;
  }, 10_000);
  const before = phone.received.length;
  await settled(async () => {
    if (phone.received.length < before + 100) {
      return `the phone received ${phone.received.length} packets; the browser: ${JSON.stringify(await call.state())}`;
    }
    const { decibel, purity } = phone.heard(BROWSER_TONE);
    if (decibel < -30 || purity < 0.8)
      return `the phone hears ${decibel.toFixed(1)} dB, ${purity.toFixed(2)} of it the tone`;
    const tone = await call.heard();
    if (Math.abs(tone.hertz - PHONE_TONE) > 40 || tone.decibel < -40) {
      return `the browser hears ${tone.hertz} Hz at ${tone.decibel.toFixed(1)} dB: ${JSON.stringify(await call.state())}`;
    }
    return undefined;
  }, 10_000);
}

scenario(
  "a browser calls a plain phone",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon();
    const browser = await startBrowser(scene);
    const phone = await openPhone(scene);
    const call = new BrowserCall(browser, "caller");
    await call.open({ hertz: BROWSER_TONE });
    const signalling = new Signalling(daemon.ng, "browser-to-phone");
    const offer = await signalling.offer(
      await call.offer(),
      "trust-address replace-origin replace-session-connection ICE=remove RTP/AVP rtcp-mux-demux",
    );
    expect(offer).not.toMatch(/a=(candidate|ice-|fingerprint|setup|crypto|rtcp-mux)/);
    talk(phone, offer);
    const answer = await signalling.answer(
      phone.sdp(),
      "trust-address replace-origin replace-session-connection ICE=force RTP/SAVPF rtcp-mux-offer",
    );
    await call.accept(answer);
    await expectConversation(call, phone);
    const { dtlsRole, suite } = await call.state();
    expect(dtlsRole).toBe("server");
    expect(suite).toBeDefined();
    await signalling.delete();
    await daemon.expectIdle();
  },
  60_000,
);

/** Of `Kamailio`'s usual script: towards the browser, and back to the phone. */
const TO_BROWSER = "trust-address replace-origin replace-session-connection RTP/SAVPF ICE=force rtcp-mux-offer";
const TO_PHONE = "trust-address replace-origin replace-session-connection RTP/AVP ICE=remove rtcp-mux-demux";

for (const [how, toBrowser, toPhone, role] of [
  ["ICE=force DTLS=passive SDES-off", `${TO_BROWSER} DTLS=passive SDES-off`, "RTP/AVP ICE=remove DTLS=off", "client"],
  ["the WebRTC macro", "WebRTC", "", "client"],
  ["RTP/SAVPF ICE=force rtcp-mux-offer", TO_BROWSER, TO_PHONE, "client"],
] as const) {
  scenario(
    `a plain phone calls a browser: ${how}`,
    NEEDS,
    async (scene) => {
      const daemon = await scene.startDaemon();
      const browser = await startBrowser(scene);
      const phone = await openPhone(scene);
      const call = new BrowserCall(browser, "callee");
      await call.open({ hertz: BROWSER_TONE });
      const signalling = new Signalling(daemon.ng, "phone-to-browser");
      const offer = await signalling.offer(phone.sdp(), toBrowser);
      const answer = await signalling.answer(await call.answer(offer), toPhone);
      expect(answer).toContain(" RTP/AVP 0\r\n");
      expect(answer).not.toMatch(/a=(candidate|ice-|fingerprint|setup|crypto|rtcp-mux)/);
      talk(phone, answer);
      await expectConversation(call, phone);
      expect((await call.state()).dtlsRole).toBe(role);
      await signalling.delete();
      await daemon.expectIdle();
    },
    60_000,
  );
}

scenario(
  "a browser calls a plain phone and we are the DTLS server: DTLS=passive in the offer",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon();
    const browser = await startBrowser(scene);
    const phone = await openPhone(scene);
    const call = new BrowserCall(browser, "caller");
    await call.open({ hertz: BROWSER_TONE });
    const signalling = new Signalling(daemon.ng, "passive");
    const offer = await signalling.offer(await call.offer(), `${TO_PHONE} DTLS=passive`);
    talk(phone, offer);
    await call.accept(await signalling.answer(phone.sdp(), TO_BROWSER));
    await expectConversation(call, phone);
    expect((await call.state()).dtlsRole).toBe("client");
    await signalling.delete();
  },
  60_000,
);

scenario(
  "trickle: the browser's candidates come in fragments after its offer",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon();
    const browser = await startBrowser(scene);
    const phone = await openPhone(scene);
    const call = new BrowserCall(browser, "caller");
    await call.open({ hertz: BROWSER_TONE });
    const signalling = new Signalling(daemon.ng, "trickle");
    const own = await call.offer({ trickle: true });
    expect(own).not.toContain("a=candidate:");
    const offer = await signalling.offer(own, TO_PHONE);
    talk(phone, offer);
    const answer = await signalling.answer(phone.sdp(), TO_BROWSER);
    expect(answer).toContain("a=ice-options:trickle");
    await call.accept(answer);
    for (let fragment = await call.fragment(); fragment !== undefined; fragment = await call.fragment()) {
      await signalling.fragment(fragment);
    }
    await expectConversation(call, phone);
    await signalling.delete();
  },
  60_000,
);

scenario(
  "hold, resume and ICE restart by re-INVITE of the browser",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon();
    const browser = await startBrowser(scene);
    const phone = await openPhone(scene);
    const call = new BrowserCall(browser, "caller");
    await call.open({ hertz: BROWSER_TONE });
    const signalling = new Signalling(daemon.ng, "renegotiation");
    const exchange = async (options: { readonly iceRestart?: boolean } = {}, direction = "sendrecv") => {
      const offer = await signalling.offer(await call.offer(options), TO_PHONE);
      talk(phone, offer);
      const answer = await signalling.answer(phone.sdp(direction), TO_BROWSER);
      await call.accept(answer);
      return { offer, answer };
    };
    const first = await exchange();
    await expectConversation(call, phone);

    await call.direction("sendonly");
    const held = await exchange({}, "recvonly");
    expect(held.offer).toContain("a=sendonly");
    expect(held.answer).toContain("a=recvonly");
    const { audioReceived } = await call.state();
    await Bun.sleep(600); // what must not happen has no event to wait for
    expect((await call.state()).audioReceived - audioReceived).toBeLessThan(5);

    await call.direction("sendrecv");
    await exchange();
    await expectConversation(call, phone);

    const ufrag = (sdp: string) => /a=ice-ufrag:(\S+)/.exec(sdp)?.[1];
    const restarted = await exchange({ iceRestart: true });
    expect(ufrag(restarted.answer)).not.toBe(ufrag(first.answer)!);
    await daemon.process.logged(/ICE restart/);
    await expectConversation(call, phone);
    await signalling.delete();
    await daemon.expectIdle();
  },
  90_000,
);

scenario(
  "browser to browser: SRTP on both sides with different keys",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon();
    const browser = await startBrowser(scene);
    const caller = new BrowserCall(browser, "caller");
    const callee = new BrowserCall(browser, "callee");
    await caller.open({ hertz: BROWSER_TONE });
    await callee.open({ hertz: PHONE_TONE });
    const signalling = new Signalling(daemon.ng, "two-browsers");
    const offer = await signalling.offer(await caller.offer(), "trust-address replace-origin ICE=force SDES-off");
    const answer = await signalling.answer(await callee.answer(offer), "trust-address replace-origin ICE=force");
    await caller.accept(answer);
    for (const [call, hertz] of [
      [caller, PHONE_TONE],
      [callee, BROWSER_TONE],
    ] as const) {
      await settled(async () => {
        const tone = await call.heard();
        const near = Math.abs(tone.hertz - hertz) <= 40 && tone.decibel > -40;
        return near
          ? undefined
          : `${call.name} hears ${tone.hertz} Hz at ${tone.decibel.toFixed(1)} dB: ${JSON.stringify(await call.state())}`;
      }, 15_000);
    }
    await settled(async () => {
      const { reports } = await caller.state();
      return reports > 0 ? undefined : "no report about what the caller sends has come back";
    }, 15_000);
    await signalling.delete();
  },
  60_000,
);

/** The far end of an audio and video call: it sends what it receives of the video back, and speaks for itself. */
class VideoPhone {
  private constructor(
    readonly phone: TonePhone,
    readonly video: VideoEcho,
  ) {}

  static async open(scene: Scene): Promise<VideoPhone> {
    const video = await VideoEcho.open(CALLEE_MEDIA);
    scene.atEnd(() => video.close());
    return new VideoPhone(await openPhone(scene), video);
  }

  /** Accepts the codecs of the first video format that is offered. */
  answer(offer: string): string {
    const section = sdpSections(offer)[1]!;
    const type = section.lines[0]!.split(" ")[3]!;
    const format = section.lines.filter((line) => new RegExp(`^a=(rtpmap|fmtp):${type} `).test(line));
    return `${this.phone.sdp()}${[`m=video ${this.video.port} RTP/AVPF ${type}`, ...format, "a=sendrecv", ""].join("\r\n")}`;
  }

  /** VP8 of its own choice of payload type. */
  offer(): string {
    return `${this.phone.sdp()}${[`m=video ${this.video.port} RTP/AVPF 99`, "a=rtpmap:99 VP8/90000", "a=rtcp-fb:99 nack pli", ""].join("\r\n")}`;
  }

  talkTo(sdp: string): void {
    talk(this.phone, sdp);
    this.video.sendTo(sdpSections(sdp)[1]!);
  }
}

async function expectVideo(call: BrowserCall, far: VideoPhone): Promise<void> {
  await expectConversation(call, far.phone);
  await settled(async () => {
    const { videoReceived, framesDecoded } = await call.state();
    if (far.video.received < 50) return `the video phone received ${far.video.received} packets`;
    return framesDecoded > 10
      ? undefined
      : `the browser received ${videoReceived} video packets, decoded ${framesDecoded} frames`;
  }, 15_000);
}

for (const [how, policy, options] of [
  ["bundled on one port", "max-bundle", "bundle-accept"],
  ["each section on ports of its own", "max-compat", ""],
] as const) {
  scenario(
    `a browser calls with audio and video, ${how}`,
    NEEDS,
    async (scene) => {
      const daemon = await scene.startDaemon();
      const browser = await startBrowser(scene);
      const far = await VideoPhone.open(scene);
      const call = new BrowserCall(browser, "caller");
      await call.open({ hertz: BROWSER_TONE, video: true, policy });
      const signalling = new Signalling(daemon.ng, "video");
      const bundle = options === "" ? "" : " bundle=accept";
      const offer = await signalling.offer(
        await call.offer(),
        `replace-origin RTP/AVPF ICE=remove rtcp-mux-demux${bundle}`,
      );
      expect(offer).not.toContain("a=group:BUNDLE");
      far.talkTo(offer);
      const answer = await signalling.answer(far.answer(offer), "replace-origin ICE=force RTP/SAVPF rtcp-mux-offer");
      const ports = sdpSections(answer).map(({ rtp }) => rtp.port);
      expect(new Set(ports).size).toBe(options === "" ? 2 : 1);
      expect(answer.includes("a=group:BUNDLE")).toBe(options !== "");
      await call.accept(answer);
      await expectVideo(call, far);
      await signalling.delete();
      await daemon.expectIdle();
    },
    90_000,
  );
}

scenario(
  "a video phone calls a browser with the WebRTC macro: one port for both sections",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon();
    const browser = await startBrowser(scene);
    const far = await VideoPhone.open(scene);
    const call = new BrowserCall(browser, "callee");
    await call.open({ hertz: BROWSER_TONE, video: true });
    const signalling = new Signalling(daemon.ng, "video-phone");
    const offer = await signalling.offer(far.offer(), "WebRTC");
    expect(offer).toContain("a=group:BUNDLE 1 2");
    expect(offer).toContain("a=bundle-only");
    const answer = await signalling.answer(await call.answer(offer), "RTP/AVPF");
    far.talkTo(answer);
    await expectVideo(call, far);
    await signalling.delete();
    await daemon.expectIdle();
  },
  90_000,
);

scenario(
  "a browser's INVITE through Kamailio to a plain SIP phone",
  [...NEEDS, KAMAILIO, SIPP],
  async (scene) => {
    const daemon = await scene.startDaemon();
    await scene.startProxy({ config: "explicit.cfg", offerFlags: TO_PHONE, answerFlags: TO_BROWSER });
    const browser = await startBrowser(scene);
    const phone = await openPhone(scene);
    const call = new BrowserCall(browser, "caller");
    await call.open({ hertz: BROWSER_TONE });
    const callee = scene.agent({ name: "callee", scenario: "uas", address: CALLEE, texts: { sdp: phone.sdp() } });
    const caller = scene.agent({
      name: "caller",
      scenario: "uac",
      address: CALLER,
      texts: { sdp: (await call.offer()).replaceAll("\r\n", "\n") },
    });
    const invite = await callee.message({ direction: "received", method: "INVITE" });
    expect(invite.body).toContain(" RTP/AVP ");
    talk(phone, invite.body);
    const ok = await caller.message({ direction: "received", method: "INVITE", status: 200 });
    await callee.message({ direction: "received", method: "ACK" });
    await call.accept(ok.body);
    await expectConversation(call, phone);
    await caller.cue(ok);
    await Promise.all([caller.succeeded(), callee.succeeded()]);
    await daemon.expectIdle();
  },
  60_000,
);

scenario(
  "an attacker who knows the ports gets nothing in and nothing out",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon();
    const browser = await startBrowser(scene);
    const phone = await openPhone(scene);
    const call = new BrowserCall(browser, "caller");
    await call.open({ hertz: BROWSER_TONE });
    const signalling = new Signalling(daemon.ng, "attacked");
    const offer = await signalling.offer(await call.offer(), TO_PHONE);
    const answer = await signalling.answer(phone.sdp(), TO_BROWSER);
    const { rtp: target } = sdpSections(answer)[0]!;
    let stolen = 0;
    const attacker = await Bun.udpSocket({
      hostname: NAT_OUTSIDE,
      socket: {
        data: (_, data) => {
          // Refusals of STUN checks and cookies are short answers to what was sent; media is what must not come.
          if (data[0]! >= 0x80) stolen++;
        },
        error: () => {},
      },
    });
    scene.atEnd(() => attacker.close());
    const ssrc = 0xbadc0de;
    const attack = (count: number) => {
      for (let i = 0; i < count; i++) {
        const packet = Buffer.alloc(172, 0x55);
        packet.writeUInt16BE(0x8000, 0);
        packet.writeUInt16BE(i, 2);
        packet.writeUInt32BE(i * 160, 4);
        packet.writeUInt32BE(ssrc, 8);
        attacker.send(packet, target.port, target.address);
      }
    };
    attack(100); // before anybody was learned
    talk(phone, offer);
    await call.accept(answer);
    await expectConversation(call, phone);
    attack(100); // in the middle of the call
    const hello = Buffer.concat([Buffer.from("16fefd00000000000000000032", "hex"), Buffer.alloc(50, 1)]);
    for (let i = 0; i < 50; i++) attacker.send(hello, target.port, target.address);
    await expectConversation(call, phone);
    expect(phone.received.filter(({ data }) => data.readUInt32BE(8) === ssrc)).toEqual([]);
    expect(stolen).toBe(0);
    const state = await daemon.query("attacked");
    const streams = pick(state, "tags", "a", "medias", 0, "streams", 0);
    expect(Number(pick(streams, "dropped", "not-validated"))).toBeGreaterThanOrEqual(200);
    await signalling.delete();
  },
  60_000,
);

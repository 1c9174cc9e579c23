/** ICE with browsers: checks and handshakes run for real, on a fake clock. */
import { describe, expect, test } from "bun:test";
import { emitStun } from "../../../src/media/stun/emit.ts";
import { shortTermKey } from "../../../src/media/stun/integrity.ts";
import { ALICE, BOB, flags, interfaceAddress, lines, Scene } from "./scene.ts";
import { run, WebrtcParty } from "./webrtc-party.ts";

const TO_PHONE = flags("trust-address replace-origin RTP/AVP ICE=remove rtcp-mux-demux");
const TO_BROWSER = flags("trust-address replace-origin RTP/SAVPF ICE=force rtcp-mux-offer", "answer");
const ALICE_PCMU = ALICE.replace("RTP/AVP 8 0", "RTP/AVP 0");
const PLAIN_BOB = BOB.replace("RTP/AVP 8", "RTP/AVP 0");

function ipv4(): Scene {
  const addresses = [interfaceAddress("default", "198.51.100.7")];
  return new Scene({ interfaces: { interfaces: [{ name: "default", addresses }], aliases: new Map() } });
}

async function browserCalls(scene = ipv4()): Promise<{ scene: Scene; browser: WebrtcParty; answer: string }> {
  const browser = await WebrtcParty.open(scene, "192.0.2.20");
  scene.offer(browser.sdp(), TO_PHONE);
  const answer = scene.answer(PLAIN_BOB, TO_BROWSER);
  browser.take(answer);
  return { scene, browser, answer };
}

/** A check by hand, as somebody with these credentials would send it from another port of the browser. */
function check(ours: string, password: string, theirs: string): Uint8Array {
  return emitStun(
    {
      class: "request",
      transactionId: new Uint8Array(12).fill(9),
      username: `${ours}:${theirs}`,
      priority: 1_000,
      controlling: 5n,
      useCandidate: true,
    },
    { key: shortTermKey(password) },
  );
}

describe("ICE restart", () => {
  test("media stays on the old pair until the new one works; our credentials are new, the answer repeats them", async () => {
    const { scene, browser, answer } = await browserCalls();
    run(scene, 1_000, browser);
    browser.restart("controlling");
    scene.offer(browser.sdp(), TO_PHONE);
    const first = scene.answer(PLAIN_BOB, TO_BROWSER);
    expect(lines(first, "a=ice-ufrag")).not.toEqual(lines(answer, "a=ice-ufrag"));
    expect(scene.spec(30002).remote).toEqual(browser.endpoint);
    expect(scene.spec(30002).awaitingKeys).toBe(false);
    const again = scene.answer(PLAIN_BOB, TO_BROWSER);
    expect(lines(again, "a=ice-ufrag", "a=ice-pwd")).toEqual(lines(first, "a=ice-ufrag", "a=ice-pwd"));
    browser.take(again);
    run(scene, 1_000, browser);
    expect(scene.spec(30002).validated).toEqual([browser.endpoint]);
    expect(scene.state.calls.get("call")?.journal.entries.some(({ text }) => text.startsWith("ICE restart"))).toBe(
      true,
    );
  });

  test.each(["before", "after"] as const)(
    "a browser that checks its new socket with our old password %s the answer is checked in turn",
    async (when) => {
      const { scene, browser, answer } = await browserCalls();
      run(scene, 1_000, browser);
      const [ufrag, pwd] = lines(answer, "a=ice-ufrag", "a=ice-pwd").map((line) => line.slice(line.indexOf(":") + 1));
      browser.restart("controlling");
      const other = { address: "192.0.2.20", port: 50_099 };
      const theirs = browser.agent.credentials;
      const attempt = () =>
        scene.arrive({ address: "198.51.100.7", port: 30002 }, other, check(ufrag!, pwd!, theirs.ufrag));
      scene.offer(browser.sdp({ candidates: false }), TO_PHONE);
      if (when === "before") attempt();
      scene.answer(PLAIN_BOB, TO_BROWSER);
      if (when === "after") attempt();
      scene.sent.splice(0);
      run(scene, 100);
      // run() had nobody to deliver to: what the core wanted to send is what is left of it
      expect(scene.dropped.some(({ to }) => to.port === other.port)).toBe(true);
    },
  );
});

describe("a browser calls a plain phone", () => {
  test("media flows once a pair is checked and keys are there, not before", async () => {
    const { scene, browser } = await browserCalls();
    const before = scene.spec(30002);
    expect(before.validated).toEqual([]);
    expect(before.awaitingKeys).toBe(true);
    expect(before.remote).toBeUndefined();
    expect(before.handUp).toEqual({ stun: true, dtls: true });
    run(scene, 1_000, browser);
    const after = scene.spec(30002);
    expect(after.validated).toEqual([browser.endpoint]);
    expect(after.remote).toEqual(browser.endpoint);
    expect(after.awaitingKeys).toBe(false);
    expect(after.decrypt?.masterKey).toEqual(browser.connected!.localKeys.masterKey);
    expect(after.encrypt?.masterKey).toEqual(browser.connected!.remoteKeys.masterKey);
    // The phone's side is as plain as ever.
    expect(scene.spec(30000).decrypt).toBeUndefined();
    expect(scene.spec(30000).validated).toBeUndefined();
    expect(scene.portsOf(scene.spec(30000).rtpSinks)).toEqual([30002]);
  });

  test("each thing is logged once", async () => {
    const { scene, browser } = await browserCalls();
    const logged: string[] = [];
    const happen = scene.happen.bind(scene);
    scene.happen = (event) => {
      const outcome = happen(event);
      logged.push(...scene.logs(outcome.effects));
      return outcome;
    };
    run(scene, 1_000, browser);
    const count = (text: string) => logged.filter((line) => line.startsWith(text)).length;
    expect(count("ICE negotiated: new peer for component 1 is 192.0.2.20:50001")).toBe(1);
    expect(count("ICE negotiated: peer for component 1 is 192.0.2.20:50001")).toBe(1);
    expect(count("ICE negotiated: local interface 198.51.100.7")).toBe(1);
    expect(count("DTLS: Peer certificate accepted")).toBe(1);
    expect(count("DTLS-SRTP successfully negotiated using")).toBe(1);
  });
});

describe("a plain phone calls a browser", () => {
  const offerToBrowser = (scene: Scene, more = "") => scene.offer(ALICE_PCMU, flags(`WebRTC ${more}`));

  test("a ClientHello that overtakes the answer is kept and answered once SDP says whose it is", async () => {
    const scene = ipv4();
    const browser = await WebrtcParty.open(scene, "192.0.2.20");
    browser.restart("controlled");
    browser.answers("active");
    browser.take(offerToBrowser(scene));
    run(scene, 500, browser);
    expect(browser.connected).toBeUndefined();
    expect(scene.spec(30000).validated).toEqual([]);
    const answer = scene.answer(browser.sdp(), flags("RTP/AVP ICE=remove", "answer"));
    expect(lines(answer, "m=")).toEqual(["m=audio 30002 RTP/AVP 0"]);
    run(scene, 500, browser);
    expect(browser.connected).toBeDefined();
    expect(scene.spec(30000).decrypt?.masterKey).toEqual(browser.connected!.localKeys.masterKey);
    expect(scene.spec(30000).validated).toEqual([browser.endpoint]);
  });

  test("we begin the handshake where the browser answers passive", async () => {
    const scene = ipv4();
    const browser = await WebrtcParty.open(scene, "192.0.2.20");
    browser.restart("controlled");
    browser.answers("passive");
    browser.take(offerToBrowser(scene));
    scene.answer(browser.sdp(), flags("RTP/AVP", "answer"));
    run(scene, 1_000, browser);
    expect(browser.connected?.role).toBe("passive");
    expect(scene.spec(30000).encrypt?.masterKey).toEqual(browser.connected!.remoteKeys.masterKey);
  });

  test("a certificate that is not the one SDP names: no keys, no media, and it is written down", async () => {
    const scene = ipv4();
    const browser = await WebrtcParty.open(scene, "192.0.2.20");
    browser.restart("controlled");
    browser.answers("active");
    browser.take(offerToBrowser(scene));
    const other = Array.from({ length: 32 }, () => "AB").join(":");
    scene.answer(browser.sdp({ fingerprint: other }), flags("RTP/AVP", "answer"));
    run(scene, 2_000, browser);
    expect(scene.spec(30000).awaitingKeys).toBe(true);
    expect(scene.spec(30000).decrypt).toBeUndefined();
    const events = scene.state.calls.get("call")!.journal.entries.map(({ text }) => text);
    expect(events.some((text) => text.startsWith("fingerprint mismatch"))).toBe(true);
    const { body } = scene.command({ command: "query", callId: "call" }) as { body: Record<string, unknown> };
    expect(JSON.stringify(body["events"])).toContain("fingerprint mismatch");
  });

  test("a callee without ICE and DTLS is plain, and is not asked again until reset", () => {
    const scene = ipv4();
    const given = flags("RTP/AVP ICE=force");
    expect(lines(scene.offer(ALICE_PCMU, given), "a=ice-ufrag").length).toBe(1);
    scene.answer(PLAIN_BOB);
    expect(scene.spec(30000).validated).toBeUndefined();
    expect(scene.spec(30000).remote).toEqual({ address: "192.0.2.30", port: 6000 });
    expect(lines(scene.offer(ALICE_PCMU, given), "a=ice-ufrag")).toEqual([]);
    const again = scene.offer(ALICE_PCMU, { ...given, flags: new Set(["reset"]) });
    expect(lines(again, "a=ice-ufrag").length).toBe(1);
  });
});

describe("candidates", () => {
  test("all addresses of the interface, best first; component 2 only without mux", () => {
    const scene = new Scene();
    const out = scene.offer(ALICE_PCMU, flags("RTP/AVP ICE=force"));
    const shown = lines(out, "a=candidate").map((line) => line.split(" ").slice(1).join(" "));
    expect(shown).toEqual([
      "1 UDP 2130706431 198.51.100.7 30000 typ host",
      "1 UDP 2130706175 2001:db8::7 30000 typ host",
      "2 UDP 2130706430 198.51.100.7 30001 typ host",
      "2 UDP 2130706174 2001:db8::7 30001 typ host",
    ]);
    expect(new Set(lines(out, "a=candidate").map((line) => line.split(" ")[0])).size).toBe(2);
    scene.answer(PLAIN_BOB);
    // Refused: only what c= and m= show is left.
    expect([...scene.ports.open.values()].every(({ address }) => address.family === 4)).toBe(true);
  });

  test("media-address is shown instead, save-interface-ports saves the others", () => {
    const scene = new Scene({ saveInterfacePorts: true });
    const out = scene.offer(ALICE_PCMU, flags("RTP/AVP ICE=force rtcp-mux-require media-address=203.0.113.99"));
    expect(lines(out, "a=candidate").map((line) => line.split(" ")[4])).toEqual(["203.0.113.99"]);
  });

  test("once completed only the selected one is shown, with the peer's", async () => {
    const { scene, browser } = await browserCalls();
    run(scene, 1_000, browser);
    scene.offer(PLAIN_BOB, { fromTag: "B", toTag: "A" });
    const again = scene.offer(PLAIN_BOB, { fromTag: "B", toTag: "A" });
    expect(lines(again, "a=candidate").length).toBe(1);
  });

  test("trickled before the answer and after it", async () => {
    for (const early of [true, false]) {
      const scene = ipv4();
      const browser = await WebrtcParty.open(scene, "192.0.2.20");
      scene.offer(browser.sdp({ candidates: false }), TO_PHONE);
      const fragment = () =>
        scene.command({
          command: "offer",
          callId: "call",
          fromTag: "A",
          flags: new Set(["fragment"]),
          sdp: [
            `a=ice-ufrag:${browser.agent.credentials.ufrag}`,
            `a=ice-pwd:${browser.agent.credentials.pwd}`,
            "m=audio 9 RTP/AVP 0",
            "a=mid:0",
            browser.candidate,
            "a=end-of-candidates",
            "",
          ].join("\r\n"),
        });
      if (early) expect(fragment()).toEqual({ ok: true, body: {} });
      browser.take(scene.answer(PLAIN_BOB, TO_BROWSER));
      if (!early) fragment();
      const view = scene.state.calls.get("call")!.legs[0]!.sections[0]!.ice.agent!.view();
      expect(view.remoteCandidates).toBe(1);
    }
  });

  test("a fragment for nobody is no error", () => {
    const fragment = {
      command: "offer",
      flags: new Set(["fragment"]),
      sdp: "a=ice-ufrag:x\r\na=end-of-candidates\r\n",
    };
    expect(ipv4().command({ ...fragment, callId: "unknown", fromTag: "A" })).toEqual({ ok: true, body: {} });
  });
});

describe("ICE-lite and passing through", () => {
  test("lite-backward: a=ice-lite in the answer, no checks of ours, media when the browser has checked", async () => {
    const scene = ipv4();
    const browser = await WebrtcParty.open(scene, "192.0.2.20");
    scene.offer(browser.sdp(), { ...TO_PHONE, iceLite: "backward" });
    const answer = scene.answer(PLAIN_BOB, TO_BROWSER);
    expect(lines(answer, "a=ice-lite")).toEqual(["a=ice-lite"]);
    scene.sent.splice(0);
    run(scene, 500);
    expect(scene.dropped.length).toBe(0);
    browser.take(answer);
    run(scene, 1_000, browser);
    expect(scene.spec(30002).remote).toEqual(browser.endpoint);
    expect(scene.spec(30002).awaitingKeys).toBe(false);
  });

  test("an ICE-lite peer: we check", async () => {
    const scene = ipv4();
    const gateway = await WebrtcParty.open(scene, "192.0.2.20", { lite: true });
    scene.offer(gateway.sdp(), TO_PHONE);
    gateway.take(scene.answer(PLAIN_BOB, TO_BROWSER));
    run(scene, 1_000, gateway);
    expect(scene.spec(30002).validated).toEqual([gateway.endpoint]);
    expect(scene.spec(30002).awaitingKeys).toBe(false);
  });

  test("ICE=optional between two browsers: their own attributes, our candidate below theirs, no keys of ours", async () => {
    const scene = ipv4();
    const caller = await WebrtcParty.open(scene, "192.0.2.20", { seed: 1 });
    const callee = await WebrtcParty.open(scene, "192.0.2.21", { seed: 2 });
    const offer = scene.offer(caller.sdp(), { ice: "optional" });
    const { ufrag } = caller.agent.credentials;
    expect(lines(offer, "a=ice-ufrag", "a=fingerprint")).toEqual(
      lines(caller.sdp().replaceAll("\n", "\r\n"), "a=fingerprint", "a=ice-ufrag"),
    );
    expect(lines(offer, "a=ice-ufrag")).toEqual([`a=ice-ufrag:${ufrag}`]);
    const shown = lines(offer, "a=candidate").map((line) => line.split(" "));
    const [client, ours] = shown.filter(([, component]) => component === "1").map((words) => Number(words[3]));
    expect(ours).toBeLessThan(client!);
    const answer = scene.answer(callee.sdp(), { ice: "optional" });
    expect(lines(answer, "a=ice-ufrag")).toEqual([`a=ice-ufrag:${callee.agent.credentials.ufrag}`]);
    expect(scene.spec(30000).handUp).toEqual({ stun: true, dtls: false });
    expect(scene.spec(30000).awaitingKeys).toBeUndefined();
  });

  test("ICE=force-relay: relay candidates, address and port of the client stay", async () => {
    const scene = ipv4();
    const caller = await WebrtcParty.open(scene, "192.0.2.20");
    const out = scene.offer(caller.sdp(), { ice: "force-relay" });
    expect(lines(out, "m=", "c=")).toEqual(["m=audio 50001 UDP/TLS/RTP/SAVPF 111 0", "c=IN IP4 192.0.2.20"]);
    expect(lines(out, "a=candidate").at(-1)).toMatch(/ 198\.51\.100\.7 \d+ typ relay raddr 198\.51\.100\.7 rport \d+$/);
  });

  test("passthrough: nothing of ours is in the way", async () => {
    const scene = ipv4();
    const caller = await WebrtcParty.open(scene, "192.0.2.20");
    const out = scene.offer(caller.sdp(), { passthrough: true });
    expect(lines(out, "m=", "a=candidate", "a=ice-ufrag")).toEqual(
      lines(caller.sdp().replaceAll("\n", "\r\n"), "m=", "a=ice-ufrag", "a=candidate"),
    );
    expect(scene.ports.open.size).toBe(0);
  });

  test("ICE-reject answers a browser without ICE", async () => {
    const scene = ipv4();
    const caller = await WebrtcParty.open(scene, "192.0.2.20");
    scene.offer(caller.sdp(), { ...TO_PHONE, flags: new Set(["ice-reject"]) });
    expect(lines(scene.answer(PLAIN_BOB, TO_BROWSER), "a=ice", "a=candidate")).toEqual([]);
  });
});

describe("several sections on one transport", () => {
  const TWO = (group: boolean, more = "") => `
    v=0
    o=- 1 1 IN IP4 127.0.0.1
    s=-
    t=0 0
    ${group ? "a=group:BUNDLE a v" : "a=x"}
    m=audio 50000 RTP/AVPF 0
    c=IN IP4 192.0.2.20
    a=mid:a
    a=rtcp-mux
    a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid
    m=video ${more === "no video" ? 0 : 50000} RTP/AVPF 96
    c=IN IP4 192.0.2.20
    a=mid:v
    a=rtcp-mux
    a=rtpmap:96 VP8/90000
    a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid
  `;
  const PLAIN_TWO = (audio: number, video: number) => `
    v=0
    o=bob 7 7 IN IP4 192.0.2.30
    s=-
    c=IN IP4 192.0.2.30
    t=0 0
    m=audio ${audio} RTP/AVP 0
    m=video ${video} RTP/AVPF 96
    a=rtpmap:96 VP8/90000
  `;
  const accept = { bundle: new Set(["accept" as const]), rtcpMux: new Set(["demux" as const]) };

  test("accept: one port for the offerer, two for the answerer, told apart by payload type", () => {
    const scene = ipv4();
    const offer = scene.offer(TWO(true), accept);
    expect(lines(offer, "m=", "a=group")).toEqual(["m=audio 30000 RTP/AVPF 0", "m=video 30004 RTP/AVPF 96"]);
    const answer = scene.answer(PLAIN_TWO(6000, 6002));
    expect(lines(answer, "m=", "a=group")).toEqual([
      "a=group:BUNDLE a v",
      "m=audio 30002 RTP/AVPF 0",
      "m=video 30002 RTP/AVPF 96",
    ]);
    expect(lines(answer, "a=extmap:")).toEqual([
      "a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid",
      "a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid",
    ]);
    const shared = scene.spec(30002);
    expect(scene.portsOf(shared.rtpSinks)).toEqual([30000, 30004]);
    expect([...shared.routes!].map(([type, sinks]) => [type, scene.portsOf(sinks)])).toEqual([
      [0, [30000]],
      [96, [30004]],
    ]);
    expect(shared.wantsMid).toBe(true);
    expect(scene.spec(30000).mid).toEqual({ id: 5, value: "a" });
    expect(scene.spec(30004).mid).toEqual({ id: 5, value: "v" });
    expect(scene.portsOf(scene.spec(30004).rtpSinks)).toEqual([30002]);
    scene.command({ command: "delete", callId: "call", deleteDelay: 0 });
    expect(scene.ports.open.size).toBe(0);
  });

  test("without the option each section keeps ports of its own", () => {
    const scene = ipv4();
    scene.offer(TWO(true), { rtcpMux: accept.rtcpMux });
    const answer = scene.answer(PLAIN_TWO(6000, 6002));
    expect(lines(answer, "a=group")).toEqual([]);
    expect(new Set(lines(answer, "m=").map((line) => line.split(" ")[1])).size).toBe(2);
  });

  test("the answerer rejects the section that has the transport: the other one takes it over", () => {
    const scene = ipv4();
    scene.offer(TWO(true), accept);
    const answer = scene.answer(PLAIN_TWO(0, 6002));
    expect(lines(answer, "m=", "a=group")).toEqual([
      "a=group:BUNDLE v",
      "m=audio 0 RTP/AVPF 0",
      "m=video 30002 RTP/AVPF 96",
    ]);
    expect(scene.portsOf(scene.spec(30002).rtpSinks)).toEqual([30004]);
    expect(scene.spec(30002).routes).toBeUndefined();
  });

  test("offer: a group over sections with ports of their own, until the answer agrees", () => {
    const scene = ipv4();
    const given = {
      bundle: new Set(["offer" as const]),
      rtcpMux: new Set(["offer" as const]),
      flags: new Set(["generate-mid"]),
    };
    const offer = scene.offer(PLAIN_TWO(4000, 4002), given);
    expect(lines(offer, "a=group", "a=bundle-only")).toEqual(["a=group:BUNDLE 1 2"]);
    expect(lines(offer, "a=extmap:").length).toBe(2);
    expect(scene.ports.open.size).toBe(8);
    scene.answer(TWO(true).replace("BUNDLE a v", "BUNDLE 1 2").replace("mid:a", "mid:1").replace("mid:v", "mid:2"));
    expect(scene.ports.open.size).toBe(6);
    expect(scene.spec(30000).routes).toBeDefined();
  });

  test("require and strict: one port; the second section is bundle-only, with strict its port is 0", () => {
    for (const [text, port] of [
      ["bundle=require rtcp-mux-require", 30000],
      ["bundle=strict rtcp-mux-require", 0],
    ] as const) {
      const scene = ipv4();
      const offer = scene.offer(PLAIN_TWO(4000, 4002), flags(text));
      expect(lines(offer, "m=", "a=group", "a=bundle-only")).toEqual([
        "a=group:BUNDLE 1 2",
        "m=audio 30000 RTP/AVP 0",
        `m=video ${port} RTP/AVPF 96`,
        "a=bundle-only",
      ]);
    }
  });

  test("a re-offer that drops audio leaves video on the transport that both had", () => {
    const scene = ipv4();
    scene.offer(TWO(true), accept);
    scene.answer(PLAIN_TWO(6000, 6002));
    const audioOff = TWO(true).replace("m=audio 50000", "m=audio 0").replace("BUNDLE a v", "BUNDLE v");
    scene.offer(audioOff, accept);
    const answer = scene.answer(PLAIN_TWO(0, 6002));
    expect(lines(answer, "m=")).toEqual(["m=audio 0 RTP/AVPF 0", "m=video 30002 RTP/AVPF 96"]);
  });
});

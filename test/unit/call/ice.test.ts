/** ICE with browsers: checks and handshakes run for real, on a fake clock. */
import { describe, expect, test } from "bun:test";
import { emitStun } from "../../../src/media/stun/emit.ts";
import { shortTermKey } from "../../../src/media/stun/integrity.ts";
import { BOB, flags, interfaceAddress, lines, Scene } from "./scene.ts";
import { run, WebrtcParty } from "./webrtc-party.ts";

const TO_PHONE = flags("trust-address replace-origin RTP/AVP ICE=remove rtcp-mux-demux");
const TO_BROWSER = flags("trust-address replace-origin RTP/SAVPF ICE=force rtcp-mux-offer", "answer");
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

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Daemon } from "./daemon.ts";
import { CALLEE_MEDIA, CALLER_MEDIA } from "./network.ts";
import { NgCall, plainSdp } from "./ng-call.ts";
import { Browser, CHROMIUM } from "./page-browser.ts";
import { DAEMON, notThePeer } from "./requirement.ts";
import { type Scene, scenario } from "./scene.ts";
import { sdpSections } from "./sip-message.ts";

const HTTP = "127.0.20.1:24002";
const NEEDS = [DAEMON, CHROMIUM, notThePeer("has no dashboard")];
/** Where to leave screenshots for somebody to look at; nowhere unless told. */
const SCREENSHOTS = process.env["E2E_SCREENSHOTS"];

async function browserOn(scene: Scene): Promise<Browser> {
  const browser = await Browser.start(scene.directory);
  scene.atEnd(() => browser.stop());
  return browser;
}

async function keep(browser: Browser, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  writeFileSync(join(SCREENSHOTS, `${name}.png`), await browser.screenshot());
}

/** A call in which both talk until the scene ends. */
async function liveCall(scene: Scene, daemon: Daemon, callId: string) {
  const caller = await scene.farEnd("caller", CALLER_MEDIA);
  const callee = await scene.farEnd("callee", CALLEE_MEDIA);
  const call = new NgCall(daemon.ng, callId);
  const offered = await call.offer({ sdp: plainSdp(caller.port, caller.address) });
  const answered = await call.answer({ sdp: plainSdp(callee.port, callee.address) });
  const toCallee = sdpSections(String(answered["sdp"]))[0]!;
  const toCaller = sdpSections(String(offered["sdp"]))[0]!;
  void caller.send(toCallee.rtp, 100_000, toCallee.rtcp);
  void callee.send(toCaller.rtp, 100_000, toCaller.rtcp);
  scene.atEnd(() => {
    caller.stopSending();
    callee.stopSending();
  });
  return { call, caller, callee, toCaller, toCallee };
}

const text = (selector: string) => `document.querySelector(${JSON.stringify(selector)}).textContent`;
/** Number at the beginning of an element's text. */
const number = (selector: string) => `Number.parseFloat(${text(selector)}.replaceAll(",", ""))`;

scenario(
  "a live call in a real browser: figures, legs, streams, graphs, events, keys",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon({ extra: [`--listen-http=${HTTP}`] });
    const { call, caller, callee, toCallee } = await liveCall(scene, daemon, "alice to bob?#%&<b>");
    const idle = new NgCall(daemon.ng, "second-call");
    await idle.offer();
    const browser = await browserOn(scene);
    await browser.open(`http://${HTTP}/`);

    // The whole: two parties send 50 packets a second each, and RTCP.
    await browser.until(`${text("#state")} === "ready, taking calls"`);
    await browser.until(`${number("#tile-calls .value")} === 2`);
    await browser.until(`${number("#tile-packets .value")} >= 90 && ${number("#tile-packets .value")} <= 115`);
    await browser.until(`${number("#tile-ports .value")} === 8`);
    await browser.until(`document.querySelector("#ports tr").cells[6].textContent >= 90`);
    expect(await browser.value<string>(text("#ports th"))).toBe("default");
    await browser.until(`document.querySelectorAll("#list tr").length === 2`);
    await daemon.ng.request({ command: "ping" });

    // By keyboard: filter, open, look.
    await browser.press("/");
    expect(await browser.value<string>("document.activeElement.id")).toBe("filter");
    await browser.type("ALICE");
    await browser.until(`document.querySelectorAll("#list tr").length === 1`);
    await browser.press("ArrowDown");
    expect(await browser.value<string>("document.activeElement.textContent")).toBe("alice to bob?#%&<b>");
    await browser.press("Enter");
    await browser.until(`${text("#detail-title")} === "Call alice to bob?#%&<b>"`);
    await browser.until(`document.querySelectorAll("#legs table").length === 2`);
    // A call-id is text, whatever it looks like.
    expect(await browser.value<number>(`document.querySelectorAll("b").length`)).toBe(0);
    const row = `document.querySelector("#legs tbody tr")`;
    const cell = (i: number) => `${row}.cells[${i}].textContent`;
    await browser.until(`${cell(1)}.startsWith("PCMA")`);
    expect(await browser.value<string>(cell(2))).toStartWith(`${toCallee.rtp.address}:${toCallee.rtp.port} `);
    expect(await browser.value<string>(cell(3))).toContain(`${caller.address}:${caller.port}`);
    await browser.until(`Math.abs(Number(${cell(5)}) - 50) < 10`);
    await browser.until(`Math.abs(Number(${cell(7)}) - 50) < 10`);
    await browser.until(`/^ok/.test(${row}.lastChild.textContent)`);
    // One graph per direction pair and party, both lines drawn.
    await browser.until(`[...document.querySelectorAll(".graph svg")].length === 2`);
    await browser.until(
      `[...document.querySelectorAll(".graph path.first, .graph path.second")].every((path) => (path.getAttribute("d").match(/L/g) ?? []).length >= 2)`,
    );
    expect(await browser.value<string>(`document.querySelector(".graph svg").getAttribute("aria-label")`)).toMatch(
      /^packets per second received from and sent to this party: now [45][0-9]/,
    );
    await browser.until(`${text("#timeline")}.includes("created by 127.0.0.1")`);
    await browser.scheme("dark");
    await keep(browser, "dashboard-dark");
    const dark = await browser.value<string>("getComputedStyle(document.body).backgroundColor");
    await browser.scheme("light");
    await keep(browser, "dashboard-light");
    expect(await browser.value<string>("getComputedStyle(document.body).backgroundColor")).not.toBe(dark);

    // What changes while somebody looks becomes an event.
    caller.stopSending();
    await browser.until(`Number(${cell(5)}) === 0`);
    // The re-invite brings the callee a new port; nobody listens on the old one for ever.
    callee.stopSending();
    const moved = await scene.farEnd("caller's new port", CALLER_MEDIA);
    await call.offer({ sdp: plainSdp(moved.port, moved.address) });
    await call.answer({ sdp: plainSdp(callee.port, callee.address) });
    await browser.until(`${text("#timeline")}.includes("${moved.address}:${moved.port}")`);

    // The link can be kept; the call's end is told; Escape closes.
    const link = await browser.value<string>("location.href");
    await browser.open("about:blank");
    await browser.open(link);
    await browser.until(`document.querySelectorAll("#legs table").length === 2`);
    await call.deleteAll();
    await browser.until(`${text("#detail-facts")}.startsWith("This call has ended")`);
    await browser.until(`${text("#timeline")}.includes("the call has ended")`);
    await browser.press("Escape");
    await browser.until(`document.querySelector("#detail").hidden && location.hash === ""`);
    await browser.until(`document.querySelectorAll("#list tr").length === 1`);

    expect(browser.complaints.filter((each) => !each.includes("404"))).toEqual([]);
    // Nothing is loaded from elsewhere.
    for (const url of browser.requests) expect(url).toMatch(new RegExp(`^(http://${HTTP}/|data:|about:blank)`));
    // Polling does not fill the log.
    expect(daemon.process.log.items.filter((line) => line.includes("'/stats'"))).toEqual([]);
  },
  60_000,
);

scenario(
  "the page asks only while somebody sees it",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon({ extra: [`--listen-http=${HTTP}`] });
    const browser = await browserOn(scene);
    await browser.open(`http://${HTTP}/`);
    await browser.until(`${text("#state")} === "ready, taking calls"`);
    const asked = () => browser.requests.filter((url) => url.endsWith("/stats")).length;
    const hide = (hidden: boolean) =>
      browser.value(
        `Object.defineProperty(document, "visibilityState", { value: ${hidden ? '"hidden"' : '"visible"'}, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`,
      );
    await hide(true);
    await Bun.sleep(1_200); // one that was under way
    const before = asked();
    await Bun.sleep(2_500);
    expect(asked()).toBe(before);
    await hide(false);
    await browser.until(`performance.getEntriesByType("resource").length > 0`);
    await Bun.sleep(3_200);
    // Once a second, not more often.
    expect(asked() - before).toBeGreaterThanOrEqual(2);
    expect(asked() - before).toBeLessThanOrEqual(5);

    // The daemon goes away: the page says so, and finds the next one by itself.
    await daemon.stop();
    await browser.until(`${text("#state")}.startsWith("no answer")`, 8_000);
    await scene.startDaemon({ extra: [`--listen-http=${HTTP}`] });
    await browser.until(`${text("#state")} === "ready, taking calls"`, 8_000);
  },
  60_000,
);

scenario(
  "with http-token the page asks for it and shows nothing before",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon({ extra: [`--listen-http=${HTTP}`, "--http-token=correct-horse"] });
    await new NgCall(daemon.ng, "secret-call").offer();
    const browser = await browserOn(scene);
    await browser.open(`http://${HTTP}/`);
    await browser.until(`document.activeElement.id === "token"`);
    await browser.type("wrong");
    await browser.press("Enter");
    await browser.until(`${text("#refused")} !== ""`);
    expect(await browser.value<string>("document.body.innerText")).not.toContain("secret-call");
    await browser.value(`document.querySelector("#token").select()`);
    await browser.type("correct-horse");
    await browser.press("Enter");
    await browser.until(`document.querySelector("#login").hidden && ${text("#list")}.includes("secret-call")`);
  },
  60_000,
);

scenario(
  "a draining daemon says so; many calls are listed, the newest first",
  NEEDS,
  async (scene) => {
    const daemon = await scene.startDaemon({
      extra: [`--listen-http=${HTTP}`, "--drain-time=60"],
      portMin: 24_200,
      portMax: 24_499,
      logLevel: 5,
    });
    // Two ports each.
    for (let i = 0; i < 70; i++) await new NgCall(daemon.ng, `call-${i}`).offer();
    const browser = await browserOn(scene);
    await browser.open(`http://${HTTP}/#call=call-3`);
    await browser.until(`${text("#detail-title")} === "Call call-3"`);
    await browser.until(`document.querySelectorAll("#list tr").length === 70`);
    // The newest is first.
    expect(await browser.value<string>(text("#list tr a"))).toBe("call-69");
    process.kill(daemon.process.pid, "SIGTERM");
    await browser.until(`${text("#state")}.includes("draining")`);
    process.kill(daemon.process.pid, "SIGTERM");
    expect(await daemon.process.ended(5_000)).toBe(0);
  },
  60_000,
);

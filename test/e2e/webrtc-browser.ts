/**
 * A headless Chromium, driven over the DevTools protocol: a page with RTCPeerConnections that play tones and measure what
 * they hear. No library: the one command that is needed fits here.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";
import { settled } from "./deadline.ts";
import type { Requirement } from "./requirement.ts";

const PROGRAM = Bun.which("chromium") ?? "/usr/bin/chromium";

export const CHROMIUM: Requirement = {
  missing: () => (existsSync(PROGRAM) ? undefined : "chromium is not installed (Debian package chromium)"),
};

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: { readonly exception?: { readonly description?: string }; readonly text: string };
}

export class Browser {
  #next = 1;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();

  private constructor(
    private readonly process: Child,
    private readonly profile: string,
    private readonly socket: WebSocket,
  ) {
    socket.addEventListener("message", ({ data }) => {
      const { id, result, error } = JSON.parse(String(data)) as Answer;
      const waiting = id === undefined ? undefined : this.#waiting.get(id);
      if (id === undefined || !waiting) return;
      this.#waiting.delete(id);
      if (error) waiting.reject(new Error(error.message));
      else waiting.resolve(result);
    });
  }

  static async start(): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), "sluice-chromium-"));
    const process = new Child("chromium", [
      PROGRAM,
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
      "--autoplay-policy=no-user-gesture-required",
      // Everything here is on loopback, which a browser would not use for media by itself.
      "--allow-loopback-in-peer-connection",
      // Real addresses instead of names that only mDNS resolves.
      "--disable-features=WebRtcHideLocalIpsWithMdns",
      `--user-data-dir=${profile}`,
      "--remote-debugging-port=0",
      "about:blank",
    ]);
    try {
      const file = join(profile, "DevToolsActivePort");
      await settled(
        () => (existsSync(file) && readFileSync(file, "ascii").includes("\n") ? undefined : "no DevTools port"),
        20_000,
      );
      const port = readFileSync(file, "ascii").split("\n")[0];
      const pages = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
        type: string;
        webSocketDebuggerUrl: string;
      }[];
      const page = pages.find(({ type }) => type === "page");
      if (!page) throw new Error("Chromium has no page");
      const socket = new WebSocket(page.webSocketDebuggerUrl);
      await new Promise((resolve, reject) => {
        socket.addEventListener("open", resolve);
        socket.addEventListener("error", () => reject(new Error("no connection to Chromium")));
      });
      const browser = new Browser(process, profile, socket);
      await browser.evaluate(PAGE);
      return browser;
    } catch (error) {
      await process.stop();
      rmSync(profile, { recursive: true, force: true });
      throw error;
    }
  }

  /** The value of an expression in the page; promises are awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.#command("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    })) as Evaluated;
    if (exceptionDetails) {
      throw new Error(`in the page: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    }
    return result.value as T;
  }

  async #command(method: string, params: object): Promise<unknown> {
    const id = this.#next++;
    const answered = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, method, params }));
    return await answered;
  }

  async stop(): Promise<void> {
    this.socket.close();
    await this.process.stop();
    rmSync(this.profile, { recursive: true, force: true });
  }
}

export interface BrowserState {
  readonly connection: string;
  readonly ice: string;
  readonly dtls: string;
  readonly dtlsRole: string | undefined;
  readonly suite: string | undefined;
  readonly audioReceived: number;
  readonly audioSent: number;
  readonly videoReceived: number;
  readonly videoSent: number;
  readonly framesDecoded: number;
  /** Reports about what we send that have come back. */
  readonly reports: number;
}

/** One peer connection in the page, by name. */
export class BrowserCall {
  constructor(
    readonly browser: Browser,
    readonly name: string,
  ) {}

  /** @param options hertz: of the tone that it sends; policy: of BUNDLE */
  async open(options: {
    readonly hertz: number;
    readonly video?: boolean;
    readonly policy?: "balanced" | "max-bundle" | "max-compat";
  }): Promise<void> {
    await this.browser.evaluate(`openCall(${JSON.stringify(this.name)}, ${JSON.stringify(options)})`);
  }

  /** With all candidates, or (`trickle`) without any. */
  async offer(options: { readonly trickle?: boolean; readonly iceRestart?: boolean } = {}): Promise<string> {
    return await this.#call("makeOffer", options);
  }

  async answer(offer: string, options: { readonly trickle?: boolean } = {}): Promise<string> {
    return await this.#call("makeAnswer", { ...options, sdp: offer });
  }

  async accept(answer: string): Promise<void> {
    await this.#call("takeAnswer", { sdp: answer });
  }

  /** Candidates found since the last look, as a trickle fragment; undefined: none. */
  async fragment(): Promise<string | undefined> {
    return (await this.#call<string | null>("takeFragment", {})) ?? undefined;
  }

  async direction(direction: "sendrecv" | "sendonly" | "recvonly" | "inactive"): Promise<void> {
    await this.#call("setDirection", { direction });
  }

  async state(): Promise<BrowserState> {
    return await this.#call<BrowserState>("stateOf", {});
  }

  /** The frequency that sounds loudest in what is received, Hz, and how loud it is, dB below full scale. */
  async heard(): Promise<{ readonly hertz: number; readonly decibel: number }> {
    return await this.#call("heard", {});
  }

  async #call<T = string>(operation: string, options: object): Promise<T> {
    return await this.browser.evaluate<T>(`${operation}(${JSON.stringify(this.name)}, ${JSON.stringify(options)})`);
  }
}

/** Runs in the page. */
const PAGE = `
  globalThis.calls = new Map();
  globalThis.openCall = async (name, { hertz, video, policy }) => {
    const context = new AudioContext();
    await context.resume();
    const tone = context.createOscillator();
    tone.frequency.value = hertz;
    const gain = context.createGain();
    gain.gain.value = 0.5;
    const out = context.createMediaStreamDestination();
    tone.connect(gain).connect(out);
    tone.start();
    const peer = new RTCPeerConnection(policy ? { bundlePolicy: policy } : {});
    const tracks = [out.stream.getAudioTracks()[0]];
    if (video) {
      const canvas = document.createElement("canvas");
      canvas.width = 160;
      canvas.height = 120;
      const brush = canvas.getContext("2d");
      let n = 0;
      setInterval(() => {
        brush.fillStyle = "hsl(" + (n++ * 7 % 360) + ",90%,50%)";
        brush.fillRect(0, 0, 160, 120);
      }, 50);
      tracks.push(canvas.captureStream(15).getVideoTracks()[0]);
    }
    const call = { peer, context, stream: out.stream, tracks, candidates: [], gathered: false, analyser: undefined };
    peer.onicecandidate = ({ candidate }) => {
      if (candidate && candidate.candidate) call.candidates.push(candidate);
      else call.gathered = true;
    };
    peer.ontrack = ({ track }) => {
      // Chromium decodes what it receives only while an element plays it.
      const element = document.createElement(track.kind);
      element.srcObject = new MediaStream([track]);
      element.muted = true;
      element.play().catch(() => {});
      call[track.kind] = element;
      if (track.kind === "video") return;
      const analyser = context.createAnalyser();
      analyser.fftSize = 2048;
      analyser.smoothingTimeConstant = 0;
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      call.analyser = analyser;
    };
    calls.set(name, call);
  };
  const addTracks = (call) => {
    if (call.peer.getSenders().some(({ track }) => track)) return;
    for (const track of call.tracks) call.peer.addTrack(track, call.stream);
  };
  const gathered = (call) => new Promise((resolve) => {
    const look = () => (call.peer.iceGatheringState === "complete" ? resolve() : setTimeout(look, 20));
    look();
  });
  const described = async (call, trickle) => {
    if (trickle) return call.peer.localDescription.sdp.replace(/a=candidate:.*\\r\\n/g, "");
    await gathered(call);
    call.candidates = [];
    return call.peer.localDescription.sdp;
  };
  globalThis.makeOffer = async (name, { trickle, iceRestart }) => {
    const call = calls.get(name);
    addTracks(call);
    await call.peer.setLocalDescription(await call.peer.createOffer({ iceRestart: !!iceRestart }));
    return await described(call, trickle);
  };
  globalThis.makeAnswer = async (name, { sdp, trickle }) => {
    const call = calls.get(name);
    await call.peer.setRemoteDescription({ type: "offer", sdp });
    addTracks(call);
    await call.peer.setLocalDescription(await call.peer.createAnswer());
    return await described(call, trickle);
  };
  globalThis.takeAnswer = async (name, { sdp }) => {
    await calls.get(name).peer.setRemoteDescription({ type: "answer", sdp });
  };
  globalThis.takeFragment = async (name) => {
    const call = calls.get(name);
    for (let i = 0; i < 50 && call.candidates.length === 0; i++) await new Promise((done) => setTimeout(done, 20));
    const list = call.candidates.splice(0);
    if (list.length === 0) return null;
    const pwd = /a=ice-pwd:(\\S+)/.exec(call.peer.localDescription.sdp)[1];
    const sections = new Map();
    for (const one of list) {
      if (!sections.has(one.sdpMid)) sections.set(one.sdpMid, []);
      sections.get(one.sdpMid).push("a=" + one.candidate);
    }
    const lines = ["a=ice-ufrag:" + list[0].usernameFragment, "a=ice-pwd:" + pwd];
    for (const [mid, own] of sections) lines.push("m=audio 9 RTP/AVP 0", "a=mid:" + mid, ...own);
    if (call.gathered) lines.push("a=end-of-candidates");
    return lines.join("\\r\\n") + "\\r\\n";
  };
  globalThis.setDirection = async (name, { direction }) => {
    for (const transceiver of calls.get(name).peer.getTransceivers()) transceiver.direction = direction;
  };
  globalThis.stateOf = async (name) => {
    const { peer } = calls.get(name);
    const found = { connection: peer.connectionState, ice: peer.iceConnectionState, dtls: "new",
      audioReceived: 0, audioSent: 0, videoReceived: 0, videoSent: 0, framesDecoded: 0, reports: 0 };
    for (const one of (await peer.getStats()).values()) {
      if (one.type === "transport") {
        found.dtls = one.dtlsState;
        found.dtlsRole = one.dtlsRole;
        found.suite = one.srtpCipher;
      } else if (one.type === "inbound-rtp") {
        found[one.kind + "Received"] += one.packetsReceived;
        if (one.kind === "video") found.framesDecoded += one.framesDecoded ?? 0;
      } else if (one.type === "outbound-rtp") found[one.kind + "Sent"] += one.packetsSent;
      else if (one.type === "remote-inbound-rtp") found.reports += one.roundTripTimeMeasurements ?? 0;
    }
    return found;
  };
  globalThis.heard = async (name) => {
    const { analyser, context } = calls.get(name);
    if (!analyser) return { hertz: 0, decibel: -200 };
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    let best = 0;
    for (let i = 1; i < bins.length; i++) if (bins[i] > bins[best]) best = i;
    const hertz = Math.round((best * context.sampleRate) / analyser.fftSize);
    return { hertz, decibel: Math.max(-200, bins[best]) };
  };
`;

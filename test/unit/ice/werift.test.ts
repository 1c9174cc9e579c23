/** The ICE stack of the werift package as an independent peer, over loopback sockets and real time. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:dgram";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { Candidate, Connection } from "werift";
import type { IceAgentOptions, IceStep } from "../../../src/media/ice/agent.ts";
import { IceAgent } from "../../../src/media/ice/agent.ts";
import { formatCandidate, localCandidates } from "../../../src/media/ice/candidate.ts";
import { newCredentials, newTieBreaker } from "../../../src/media/ice/credentials.ts";
import { isStun } from "../../../src/media/stun/view.ts";

const LOOPBACK = "127.0.0.1";
const random = { bytes: (count: number) => new Uint8Array(randomBytes(count)) };

/** An agent on a real socket: the smallest driver there can be. */
class Driver {
  readonly agent: IceAgent;
  readonly received: string[] = [];
  readonly events: string[] = [];
  readonly #socket: Socket;
  #timer: NodeJS.Timeout | undefined;

  private constructor(socket: Socket, options: Partial<IceAgentOptions>) {
    this.#socket = socket;
    const { port } = socket.address();
    const locals = localCandidates(
      [{ local: LOOPBACK, advertised: LOOPBACK, sockets: [{ id: 1, port }] }],
      random.bytes(8),
    );
    this.agent = new IceAgent({
      credentials: newCredentials(random),
      tieBreaker: newTieBreaker(random),
      locals,
      components: 1,
      role: "controlled",
      software: "sluice-test",
      ...options,
    });
    socket.on("message", (bytes, { address, port }) => {
      if (isStun(bytes)) this.apply(this.agent.receive(1, { address, port }, bytes, this.context));
      else if (this.agent.sourceStatus(1, { address, port }) === "validated") this.received.push(bytes.toString());
    });
  }

  static async open(options: Partial<IceAgentOptions>): Promise<Driver> {
    const socket = createSocket("udp4");
    socket.bind(0, LOOPBACK);
    await once(socket, "listening");
    return new Driver(socket, options);
  }

  get context() {
    return { now: Date.now(), random };
  }

  apply({ sends, events }: IceStep): void {
    for (const { to, bytes } of sends) this.#socket.send(bytes, to.port, to.address);
    this.events.push(...events.map(({ text }) => text));
    clearTimeout(this.#timer);
    const next = this.agent.nextTimer;
    if (next === undefined) return;
    this.#timer = setTimeout(() => this.apply(this.agent.tick(this.context)), Math.max(1, next - Date.now()));
  }

  accept(peer: Connection): void {
    const remote = { ufrag: peer.localUsername, pwd: peer.localPassword, lite: peer.iceLite };
    this.apply(this.agent.setRemote(remote, candidatesOf(peer), this.context));
  }

  send(text: string): void {
    const { remote } = this.agent.selected(1)!;
    this.#socket.send(text, remote.port, remote.address);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket.close();
  }
}

function candidatesOf(peer: Connection) {
  return peer.localCandidates
    .filter(({ host, transport }) => host === LOOPBACK && transport === "udp")
    .map(({ foundation, component, priority, host, port }) => ({
      foundation,
      component,
      priority,
      endpoint: { address: host, port },
      type: "host" as const,
      related: undefined,
    }));
}

async function until(what: () => boolean, milliseconds = 8000): Promise<boolean> {
  for (const end = Date.now() + milliseconds; Date.now() < end; await Bun.sleep(5)) if (what()) return true;
  return what();
}

async function call(
  options: Partial<IceAgentOptions>,
  peerControlling: boolean,
  talk: (relay: Driver, peer: Connection, heard: string[]) => Promise<void>,
  peerLite = false,
): Promise<void> {
  const relay = await Driver.open(options);
  const peer = new Connection(peerControlling, {
    iceLite: peerLite,
    useIpv4: true,
    useIpv6: false,
    useTcp: false,
    additionalHostAddresses: [LOOPBACK],
    interfaceAddresses: { udp4: LOOPBACK },
  });
  const heard: string[] = [];
  peer.onData.subscribe((data) => {
    heard.push(data.toString());
  });
  try {
    await peer.gatherCandidates();
    expect(candidatesOf(peer).length).toBeGreaterThan(0);
    await talk(relay, peer, heard);
  } finally {
    await peer.close();
    relay.close();
  }
}

/** Description of ours to the peer, and its checks. */
async function connect(relay: Driver, peer: Connection): Promise<void> {
  const { ufrag, pwd } = relay.agent.credentials;
  peer.setRemoteParams({ iceLite: relay.agent.lite, usernameFragment: ufrag, password: pwd });
  for (const candidate of relay.agent.candidates) {
    await peer.addRemoteCandidate(Candidate.fromSdp(formatCandidate(candidate)));
  }
  await peer.addRemoteCandidate(undefined);
  await peer.connect();
}

async function expectDataBothWays(relay: Driver, peer: Connection, heard: string[]): Promise<void> {
  relay.send("from the relay");
  await peer.send(Buffer.from("from the peer"));
  expect(await until(() => heard.includes("from the relay") && relay.received.includes("from the peer"))).toBe(true);
}

describe("with werift as the peer", () => {
  test("relay controlling", async () => {
    await call({ role: "controlling" }, false, async (relay, peer, heard) => {
      relay.accept(peer);
      await connect(relay, peer);
      expect(await until(() => relay.agent.state === "completed")).toBe(true);
      expect(peer.nominated).toBeDefined();
      await expectDataBothWays(relay, peer, heard);
    });
  });

  test("relay controlled", async () => {
    await call({ role: "controlled" }, true, async (relay, peer, heard) => {
      relay.accept(peer);
      await connect(relay, peer);
      expect(await until(() => relay.agent.state === "completed")).toBe(true);
      await expectDataBothWays(relay, peer, heard);
    });
  });

  test("relay lite", async () => {
    await call({ lite: true }, true, async (relay, peer, heard) => {
      relay.accept(peer);
      await connect(relay, peer);
      expect(await until(() => relay.agent.state === "completed")).toBe(true);
      expect(relay.agent.counters.checksSent).toBe(0);
      await expectDataBothWays(relay, peer, heard);
    });
  });

  test("both controlling, and both controlled", async () => {
    for (const both of ["controlling", "controlled"] as const) {
      await call({ role: both }, both === "controlling", async (relay, peer, heard) => {
        relay.accept(peer);
        await connect(relay, peer);
        expect(await until(() => relay.agent.state === "completed")).toBe(true);
        expect(peer.iceControlling).toBe(relay.agent.role === "controlled");
        await expectDataBothWays(relay, peer, heard);
      });
    }
  });

  test("its checks arrive before its answer, its candidates only as peer-reflexive ones", async () => {
    await call({ role: "controlled" }, true, async (relay, peer, heard) => {
      const connected = connect(relay, peer);
      expect(await until(() => relay.agent.counters.requests > 0)).toBe(true);
      expect(relay.events.some((text) => text.includes("came before the credentials"))).toBe(true);
      const remote = { ufrag: peer.localUsername, pwd: peer.localPassword, lite: false };
      relay.apply(relay.agent.setRemote(remote, [], relay.context));
      await connected;
      expect(await until(() => relay.agent.state === "completed")).toBe(true);
      expect(relay.agent.view().pairs.find(({ selected }) => selected)!.remoteType).toBe("prflx");
      await expectDataBothWays(relay, peer, heard);
    });
  });

  test("with a wrong password nothing connects and the reason is told", async () => {
    await call({ role: "controlled" }, true, async (relay, peer) => {
      relay.accept(peer);
      const { ufrag } = relay.agent.credentials;
      peer.setRemoteParams({ iceLite: false, usernameFragment: ufrag, password: "not our password 012345" });
      for (const candidate of relay.agent.candidates) {
        await peer.addRemoteCandidate(Candidate.fromSdp(formatCandidate(candidate)));
      }
      void peer.connect().catch(() => {});
      expect(await until(() => relay.agent.counters.badIntegrity > 0)).toBe(true);
      expect(relay.events.some((text) => text.startsWith("STUN check with a wrong password from 127.0.0.1:"))).toBe(
        true,
      );
      expect(relay.agent.state).not.toBe("completed");
    });
  });
});

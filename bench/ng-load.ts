/**
 * ng clients, a process of their own that takes orders over stdin (see agent.ts): sets up calls for the media load, and
 * drives a closed loop of offer, answer, delete with a fixed number of requests outstanding.
 *
 * Each client has a socket of its own, as each Kamailio worker process has. A request that is not answered within a
 * second is sent again with the same cookie, as Kamailio does, and counted.
 */
import { serve } from "./agent.ts";
import { Histogram, type Quantiles } from "./histogram.ts";
import {
  COOKIE_LENGTH,
  type NgCommand,
  type NgParties,
  NgRequests,
  ngCallId,
  ngCookie,
  relayEndpoint,
} from "./ng-message.ts";
import { machineUsage, NO_USAGE, processUsage, usedBetween } from "./process-usage.ts";
import { type CallSecurity, type RelayKeys, relayCrypto } from "./secure-call.ts";
import type { RelayPorts } from "./stream-frames.ts";
import {
  AF_INET,
  asPointer,
  bindOrConnect,
  C,
  type Memory,
  MSG_DONTWAIT,
  openSocket,
  reserve,
  SO_RCVBUFFORCE,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  setOption,
} from "./sys.ts";

export interface NgTarget {
  readonly address: string;
  readonly port: number;
}

export type NgLoadRequest =
  | { do: "ping"; target: NgTarget; seconds: number }
  | {
      do: "setup";
      target: NgTarget;
      parties: NgParties;
      prefix: string;
      first: number;
      calls: number;
      firstPort: number;
      security?: CallSecurity;
    }
  | { do: "teardown"; target: NgTarget; parties: NgParties; prefix: string; first: number; calls: number }
  | ({ do: "run" } & NgRunOrder);

export interface NgRunOrder {
  readonly target: NgTarget;
  readonly parties: NgParties;
  readonly prefix: string;
  readonly clients: number;
  /** Over all clients. */
  readonly outstanding: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** The daemon, or 0. */
  readonly pid: number;
}

export interface NgRunResult {
  /** Requests answered per second (three make a call). */
  readonly rate: number;
  readonly transactions: number;
  readonly failures: number;
  readonly resent: number;
  readonly firstFailure: string;
  /** Microseconds. */
  readonly latency: Quantiles;
  readonly perCommand: Readonly<Record<NgCommand, Quantiles>>;
  /** The daemon's CPU per transaction, microseconds. */
  readonly cpu: number;
  readonly core: number;
  /** Part of a CPU that this client needed. */
  readonly clientCore: number;
  /** Part of a CPU used by neither the daemon nor this process. */
  readonly otherLoad: number;
}

const BUFFER = 65536;
const RESEND_NS = 1e9;
/** Times a request is sent before it counts as failed: Kamailio's `rtpengine_retr`. */
const TRIES = 5;

/** One outstanding request. */
interface Slot {
  readonly index: number;
  readonly client: number;
  readonly out: Memory;
  length: number;
  serial: number;
  call: number;
  command: NgCommand;
  sentAt: number;
  firstSentAt: number;
  tries: number;
}

type Answered = (slot: Slot, reply: Buffer) => boolean;

/** Keeps `slots` requests outstanding over `clients` sockets. */
class ClosedLoop {
  readonly #sockets: number[] = [];
  readonly #slots: Slot[] = [];
  readonly #in = reserve(BUFFER);
  readonly #inBuffer: Buffer;
  readonly #poll: Memory;
  resent = 0;

  constructor(target: NgTarget, clients: number, slots: number) {
    this.#inBuffer = Buffer.from(this.#in.bytes.buffer, this.#in.bytes.byteOffset, BUFFER);
    this.#poll = reserve(clients * 8);
    for (let client = 0; client < clients; client++) {
      const fd = openSocket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
      setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20);
      bindOrConnect("connect", fd, target.address, target.port);
      this.#sockets.push(fd);
      this.#poll.i32[client * 2] = fd;
      this.#poll.i32[client * 2 + 1] = 1; // POLLIN
    }
    for (let i = 0; i < slots; i++)
      this.#slots.push({
        index: i,
        client: i % clients,
        out: reserve(4096),
        length: 0,
        serial: 0,
        call: 0,
        command: "offer",
        sentAt: 0,
        firstSentAt: 0,
        tries: 0,
      });
  }

  get slots(): readonly Slot[] {
    return this.#slots;
  }

  send(slot: Slot): void {
    slot.sentAt = Bun.nanoseconds();
    if (slot.tries++ === 0) slot.firstSentAt = slot.sentAt;
    else this.resent++;
    C.send(this.#sockets[slot.client]!, asPointer(slot.out.address), slot.length, MSG_DONTWAIT);
  }

  /** Serves replies until `answered` has returned false for every slot or `until` (Bun.nanoseconds) is over. */
  run(answered: Answered, gaveUp: (slot: Slot) => boolean, until: number): void {
    let open = this.#slots.filter((slot) => slot.tries > 0).length;
    let nextCheck = Bun.nanoseconds() + RESEND_NS / 4;
    while (open > 0) {
      let got = 0;
      for (const fd of this.#sockets) {
        for (;;) {
          const length = C.recv(fd, asPointer(this.#in.address), BUFFER, MSG_DONTWAIT);
          if (length <= 0) break;
          got++;
          const slot = this.#match(length);
          if (!slot) continue;
          slot.tries = 0;
          if (!answered(slot, this.#inBuffer.subarray(0, length))) open--;
        }
      }
      const now = Bun.nanoseconds();
      if (now > until) return;
      if (now > nextCheck) {
        nextCheck = now + RESEND_NS / 4;
        for (const slot of this.#slots)
          if (slot.tries > 0 && now - slot.sentAt > RESEND_NS) {
            if (slot.tries < TRIES) this.send(slot);
            else {
              slot.tries = 0;
              if (!gaveUp(slot)) open--;
            }
          }
      }
      if (got === 0) C.poll(asPointer(this.#poll.address), this.#sockets.length, 50);
    }
  }

  #match(length: number): Slot | undefined {
    if (length <= COOKIE_LENGTH) return undefined;
    const bytes = this.#in.bytes;
    let index = 0;
    for (let i = 2; i < 12; i++) index = index * 10 + bytes[i]! - 48;
    let serial = 0;
    for (let i = 13; i < 22; i++) serial = serial * 10 + bytes[i]! - 48;
    const slot = this.#slots[index];
    return slot && slot.tries > 0 && slot.serial === serial ? slot : undefined;
  }

  close(): void {
    for (const fd of this.#sockets) C.close(fd);
  }
}

/** Cookies never repeat within a daemon's life: each run of this process goes on counting, from a random start. */
let serial = Math.floor(Math.random() * 5e8);
const nextSerial = () => ++serial;

const RESULT_OK = Buffer.from("6:result2:ok");

async function ping(target: NgTarget, seconds: number): Promise<object> {
  const fd = openSocket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  bindOrConnect("connect", fd, target.address, target.port);
  const buffer = reserve(4096);
  try {
    for (const until = Bun.nanoseconds() + seconds * 1e9; Bun.nanoseconds() < until; ) {
      const request = Buffer.from(`${ngCookie(0, nextSerial())} d7:command4:pinge`, "latin1");
      buffer.bytes.set(request);
      C.send(fd, asPointer(buffer.address), request.length, MSG_DONTWAIT);
      await Bun.sleep(20);
      if (C.recv(fd, asPointer(buffer.address), 4096, MSG_DONTWAIT) > 0) return {};
    }
  } finally {
    C.close(fd);
  }
  throw new Error(`no answer to ping from ${target.address}:${target.port} within ${seconds} s`);
}

type SetupOrder = Extract<NgLoadRequest, { do: "setup" }>;

function setup(order: SetupOrder): { relay: RelayPorts[]; keys: RelayKeys[] } {
  const requests = new NgRequests(order.parties, order.security);
  const loop = new ClosedLoop(order.target, 2, Math.min(8, order.calls));
  const relay: RelayPorts[] = new Array(order.calls);
  const keys: RelayKeys[] = new Array(order.security ? order.calls : 0);
  const { a, b } = order.security ?? { a: undefined, b: undefined };
  const facingB = new Map<number, readonly [string, number]>();
  const offered = new Map<number, { readonly tag: string; readonly key: string }>();
  let next = 0;
  const launch = (slot: Slot, command: NgCommand): void => {
    slot.command = command;
    slot.serial = nextSerial();
    const cookie = ngCookie(slot.index, slot.serial);
    const id = ngCallId(order.prefix, order.first + slot.call);
    const port = order.firstPort + 2 * (order.first + slot.call);
    slot.length = requests.write(command, slot.out.bytes, cookie, id, port, offered.get(slot.call)?.tag);
    loop.send(slot);
  };
  const nextCall = (slot: Slot): boolean => {
    if (next >= order.calls) return false;
    slot.call = next++;
    launch(slot, "offer");
    return true;
  };
  for (const slot of loop.slots) nextCall(slot);
  loop.run(
    (slot, reply) => {
      const words = reply.toString("latin1");
      const endpoint = relayEndpoint(words);
      if (slot.command === "offer") {
        facingB.set(slot.call, endpoint);
        if (b) offered.set(slot.call, relayCrypto(words, b));
        launch(slot, "answer");
        return true;
      }
      const second = facingB.get(slot.call)!;
      relay[slot.call] = [endpoint[0], endpoint[1], second[0], second[1]];
      if (order.security) keys[slot.call] = [a && relayCrypto(words, a).key, offered.get(slot.call)?.key];
      return nextCall(slot);
    },
    (slot) => {
      throw new Error(`no reply to ${slot.command} of call ${slot.call}`);
    },
    Number.POSITIVE_INFINITY,
  );
  loop.close();
  return { relay, keys };
}

type TeardownOrder = Extract<NgLoadRequest, { do: "teardown" }>;

function teardown(order: TeardownOrder): object {
  const requests = new NgRequests(order.parties);
  const loop = new ClosedLoop(order.target, 2, Math.min(8, order.calls));
  let next = 0;
  const nextCall = (slot: Slot): boolean => {
    if (next >= order.calls) return false;
    slot.command = "delete";
    slot.serial = nextSerial();
    const id = ngCallId(order.prefix, order.first + next++);
    slot.length = requests.write("delete", slot.out.bytes, ngCookie(slot.index, slot.serial), id, 0);
    loop.send(slot);
    return true;
  };
  for (const slot of loop.slots) nextCall(slot);
  loop.run(nextCall, nextCall, Number.POSITIVE_INFINITY);
  loop.close();
  return {};
}

let runs = 0;

function run(order: NgRunOrder): NgRunResult {
  const requests = new NgRequests(order.parties);
  const loop = new ClosedLoop(order.target, order.clients, order.outstanding);
  const all = new Histogram();
  const each = { offer: new Histogram(), answer: new Histogram(), delete: new Histogram() };
  const prefix = `${order.prefix}${process.pid % 1000}.${runs++}`;
  let call = 0;
  let failures = 0;
  let firstFailure = "";
  let done = 0;
  const start = Bun.nanoseconds();
  const warmEnd = start + order.warmSeconds * 1e9;
  const end = warmEnd + order.seconds * 1e9;
  let measuring = false;
  let stopped = false;
  const sample = () => ({
    daemon: order.pid ? processUsage(order.pid) : NO_USAGE,
    own: process.cpuUsage(),
    busy: machineUsage().busySeconds.reduce((sum, cpuSeconds) => sum + cpuSeconds, 0),
    done,
    resent: loop.resent,
    at: Bun.nanoseconds(),
  });
  let before = sample();
  let after = before;
  const launch = (slot: Slot, command: NgCommand): boolean => {
    slot.command = command;
    slot.serial = nextSerial();
    const port = 10000 + 2 * (slot.call % 25000);
    slot.length = requests.write(
      command,
      slot.out.bytes,
      ngCookie(slot.index, slot.serial),
      ngCallId(prefix, slot.call),
      port,
    );
    loop.send(slot);
    return true;
  };
  const nextCall = (slot: Slot): boolean => {
    // After the measured time the calls under way are still brought to their end.
    if (stopped) return false;
    slot.call = call++;
    return launch(slot, "offer");
  };
  const following = (slot: Slot): boolean => {
    switch (slot.command) {
      case "offer":
        return launch(slot, "answer");
      case "answer":
        return launch(slot, "delete");
      case "delete":
        return nextCall(slot);
    }
  };
  for (const slot of loop.slots) nextCall(slot);
  loop.run(
    (slot, reply) => {
      const now = Bun.nanoseconds();
      done++;
      if (measuring) {
        all.add(now - slot.firstSentAt);
        each[slot.command].add(now - slot.firstSentAt);
      }
      if (reply.indexOf(RESULT_OK) < 0) {
        if (failures++ === 0) firstFailure = reply.toString("latin1").slice(0, 200);
      }
      if (!measuring && !stopped && now >= warmEnd) {
        measuring = true;
        before = sample();
      } else if (measuring && now >= end) {
        measuring = false;
        stopped = true;
        after = sample();
      }
      return following(slot);
    },
    (slot) => {
      failures++;
      firstFailure ||= `no reply to ${slot.command}`;
      return nextCall(slot);
    },
    end + 10e9,
  );
  if (!stopped) after = sample();
  loop.close();
  const seconds = (after.at - before.at) / 1e9;
  const transactions = after.done - before.done;
  const own = (after.own.user + after.own.system - before.own.user - before.own.system) / 1e6;
  const { cpu } = usedBetween(before.daemon, after.daemon);
  return {
    rate: transactions / seconds,
    transactions,
    failures,
    resent: after.resent - before.resent,
    firstFailure,
    latency: all.summary(),
    perCommand: { offer: each.offer.summary(), answer: each.answer.summary(), delete: each.delete.summary() },
    cpu: transactions > 0 ? (cpu / transactions) * 1e6 : 0,
    core: cpu / seconds,
    clientCore: own / seconds,
    otherLoad: Math.max(0, (after.busy - before.busy - cpu - own) / seconds),
  };
}

if (import.meta.main) {
  await serve<NgLoadRequest>((request) => {
    switch (request.do) {
      case "ping":
        return ping(request.target, request.seconds);
      case "setup":
        return setup(request);
      case "teardown":
        return teardown(request);
      case "run":
        return run(request);
    }
  });
}

/** The TCP sockets of operators and controllers, on loopback. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listenLines } from "../../../src/control-line/server.ts";
import { accessByToken } from "../../../src/http/access.ts";
import { App } from "../../../src/http/app.ts";
import { listenHttp } from "../../../src/http/server.ts";
import { BencodeScanner } from "../../../src/ng/bencode-scan.ts";
import { listenTcp } from "../../../src/ng/transports/tcp.ts";
import { Station } from "../control-line/station.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const LOOPBACK = { address: "127.0.0.1", port: 0 };

/** A TCP client that keeps what it gets. */
class Client {
  received = "";
  closed = false;
  #wake: (() => void)[] = [];
  #socket!: Awaited<ReturnType<typeof Bun.connect>>;

  static async to(port: number): Promise<Client> {
    const client = new Client();
    client.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket: {
        data: (_socket, data) => client.#change(() => (client.received += data.toString("latin1"))),
        end: (socket) => void socket.end(),
        close: () => client.#change(() => (client.closed = true)),
        error: () => {},
      },
    });
    closing.push(() => client.#socket.terminate());
    return client;
  }

  #change(change: () => unknown): void {
    change();
    for (const wake of this.#wake.splice(0)) wake();
  }

  send(text: string): void {
    this.#socket.write(Buffer.from(text, "latin1"));
    this.#socket.flush();
  }

  halfClose(): void {
    this.#socket.shutdown();
  }

  async until(reached: (client: Client) => boolean): Promise<void> {
    const limit = performance.now() + 3_000;
    while (!reached(this)) {
      if (performance.now() > limit) throw new Error(`waited in vain; received ${JSON.stringify(this.received)}`);
      await Promise.race([new Promise<void>((resolve) => this.#wake.push(resolve)), Bun.sleep(100)]);
    }
  }
}

function lineServer(station = new Station()) {
  const log: string[] = [];
  const server = listenLines({
    listen: LOOPBACK,
    answer: (line) => station.run(line),
    log: (_level, text) => void log.push(text),
  });
  closing.push(() => server.close());
  return { server, log };
}

async function ask(port: number, text: string, halfClose = false): Promise<string> {
  const client = await Client.to(port);
  client.send(text);
  if (halfClose) client.halfClose();
  await client.until(({ closed }) => closed);
  return client.received;
}

test("command line: one line, one answer, then the connection is closed", async () => {
  const { server, log } = lineServer();
  expect(await ask(server.port, "list timeout\n")).toBe("TIMEOUT=60\n");
  expect(await ask(server.port, "\n\nlist timeout\r\nlist maxload\n")).toBe("TIMEOUT=60\n");
  expect(await ask(server.port, "list timeout", true)).toBe("TIMEOUT=60\n");
  expect(await ask(server.port, "", true)).toBe("");
  expect(log.some((line) => /^New cli connection from 127\.0\.0\.1:\d+$/.test(line))).toBe(true);
  expect(log).toContain("Got CLI command: list timeout");
});

test("command line: more than 1024 bytes without an end close the connection", async () => {
  const { server, log } = lineServer();
  expect(await ask(server.port, "x".repeat(1_025))).toBe("");
  expect(log.some((line) => line.startsWith("Buffer length exceeded in CLI connection from 127.0.0.1:"))).toBe(true);
});

test("command line: a long answer arrives whole although its reader is slow", async () => {
  const station = new Station();
  for (let i = 0; i < 500; i++) station.call(`call-${i}-${"x".repeat(2_000)}`);
  const { server } = lineServer(station);
  const answer = await ask(server.port, "list sessions all\n");
  expect(answer.length).toBeGreaterThan(1_000_000);
  expect(answer).toBe(station.run("list sessions all"));
});

function ngServer(station = new Station()) {
  const log: string[] = [];
  const server = listenTcp(station.dispatcher, {
    listen: LOOPBACK,
    now: () => station.scene.now,
    log: (level, text) => void log.push(`${level}: ${text}`),
  });
  closing.push(() => server.close());
  return { server, log, station };
}

const PING = "d7:command4:pinge";
const PONG = "d6:result4:ponge";

test("ng over TCP: several messages in one segment, one message in many", async () => {
  const { server, log } = ngServer();
  const client = await Client.to(server.port);
  client.send(`1_a ${PING}1_b ${PING}`);
  await client.until(({ received }) => received === `1_a ${PONG}1_b ${PONG}`);
  client.received = "";
  for (const byte of `1_c ${PING}`) {
    client.send(byte);
    await Bun.sleep(1);
  }
  await client.until(({ received }) => received === `1_c ${PONG}`);
  expect(server.connections).toBe(1);
  expect(log[0]).toMatch(/^info: New TCP control ng connection from 127\.0\.0\.1:\d+$/);
});

test("ng over TCP: an offer of 40,000 bytes, and its cookie again", async () => {
  const { server, station } = ngServer();
  const client = await Client.to(server.port);
  const sdp =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n" +
    `a=x-long:${"y".repeat(40_000)}\r\n`;
  const offer = `1_long d7:call-id3:one7:command5:offer8:from-tag1:a3:sdp${sdp.length}:${sdp}e`;
  client.send(offer);
  await client.until(({ received }) => received.endsWith("6:result2:oke"));
  const first = client.received;
  client.received = "";
  client.send(offer);
  await client.until(({ received }) => received.length >= first.length);
  expect(client.received).toBe(first);
  expect(station.scene.state.calls.size).toBe(1);
});

test("ng over TCP: what is no bencode gets its error and ends the connection; others go on", async () => {
  const { server } = ngServer();
  const good = await Client.to(server.port);
  const bad = await Client.to(server.port);
  bad.send("1_bad xyz");
  await bad.until(({ closed }) => closed);
  expect(bad.received).toContain("Invalid NG data format");
  good.send(`1_good ${PING}`);
  await good.until(({ received }) => received === `1_good ${PONG}`);
});

test("ng over TCP: 1024 bytes without a cookie's end are too many", async () => {
  const { server, log } = ngServer();
  const client = await Client.to(server.port);
  client.send("x".repeat(1_025));
  await client.until(({ closed }) => closed);
  expect(
    log.some((line) => line.startsWith("warning: Buffer length exceeded in control connection from 127.0.0.1:")),
  ).toBe(true);
});

test("the end of a bencode dictionary is found wherever the stream is cut", () => {
  const text = "d4:list" + "l1:a2:bbi-17eli0eee" + "3:key10:dle:i-9:xx" + "4:nextd1:a0:ee" + "rest";
  const bytes = Buffer.from(text, "latin1");
  const end = text.length - "rest".length;
  for (let cut = 0; cut <= bytes.length; cut++) {
    const scanner = new BencodeScanner();
    const first = scanner.scan(bytes.subarray(0, cut));
    if (cut < end) expect(first).toBe("incomplete");
    if (first === "incomplete") expect(scanner.scan(bytes)).toBe("complete");
    expect(scanner.at).toBe(end);
  }
  for (const wrong of [
    "x",
    "4:abcd",
    "le",
    "i1e",
    "dxe",
    "d1x",
    "d1:aie",
    "d99999999:",
    `d1:a${"l".repeat(40)}`,
    "d1:ai--1ee",
  ]) {
    expect(new BencodeScanner().scan(Buffer.from(wrong)), wrong).toBe("malformed");
  }
});

function httpApp(token?: string): App {
  const station = new Station();
  return new App({
    operator: station.console,
    dispatcher: station.dispatcher,
    access: accessByToken(token),
    metrics: () => [],
    health: () => ({ ready: true, reasons: [] }),
    now: () => station.scene.now,
    log: () => {},
  });
}

function httpServer(app: App, tls?: Parameters<typeof listenHttp>[1]["tls"]) {
  const server = listenHttp(app, { listen: LOOPBACK, idleTimeout: 0, now: Date.now, ...(tls && { tls }) });
  closing.push(() => server.close());
  return server;
}

async function webSocket(
  url: string,
  protocols: string[],
): Promise<{ protocol: string; say(text: string): Promise<string> }> {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  closing.push(() => socket.close());
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("no WebSocket"));
  });
  return {
    protocol: socket.protocol,
    say: (text) =>
      new Promise((resolve) => {
        socket.onmessage = ({ data }) =>
          resolve(data instanceof ArrayBuffer ? Buffer.from(data).toString() : "a text frame");
        socket.send(text);
      }),
  };
}

test("HTTP and WebSocket on a real socket: subprotocol chosen, binary frames back", async () => {
  const { port } = httpServer(httpApp());
  expect(await (await fetch(`http://127.0.0.1:${port}/ping`)).text()).toBe("pong\n");
  const ng = await webSocket(`ws://127.0.0.1:${port}/`, ["other.example.com", "ng.rtpengine.com"]);
  expect(ng.protocol).toBe("ng.rtpengine.com");
  expect(await ng.say(`9_a ${PING}`)).toBe(`9_a ${PONG}`);
  const cli = await webSocket(`ws://127.0.0.1:${port}/ws`, ["cli.rtpengine.com"]);
  expect(await cli.say("list timeout")).toBe("TIMEOUT=60\n");
  expect(await cli.say("list nonsense")).toBe("Unknown command: nonsense\n");
  await expect(webSocket(`ws://127.0.0.1:${port}/`, ["nonsense"])).rejects.toThrow("no WebSocket");
});

test("HTTP: a body beyond the limit is refused", async () => {
  const { port } = httpServer(httpApp());
  const response = await fetch(`http://127.0.0.1:${port}/ng`, {
    method: "POST",
    headers: { "Content-Type": "application/x-rtpengine-ng" },
    body: "x".repeat(200_000),
  });
  expect(response.status).toBe(413);
});

test("HTTPS with client certificates: only who has one gets in", async () => {
  if (!Bun.which("openssl")) {
    console.log("# SKIP HTTPS with client certificates: openssl is not installed");
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), "sluice-tls-"));
  closing.push(() => rmSync(directory, { recursive: true, force: true }));
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => {
    const run = Bun.spawnSync(["openssl", ...args], { cwd: directory, stderr: "pipe" });
    if (run.exitCode !== 0) throw new Error(run.stderr.toString());
  };
  const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...EC, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=operators", "-days", "2");
  openssl("req", "-x509", ...EC, "-keyout", "s.key", "-out", "s.pem", "-subj", "/CN=localhost", "-days", "2");
  openssl("req", ...EC, "-keyout", "c.key", "-out", "c.csr", "-subj", "/CN=alice");
  openssl(
    "x509",
    "-req",
    "-in",
    "c.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-out",
    "c.pem",
    "-days",
    "2",
  );
  openssl("req", "-x509", ...EC, "-keyout", "x.key", "-out", "x.pem", "-subj", "/CN=stranger", "-days", "2");

  const open = httpServer(httpApp(), { cert: at("s.pem"), key: at("s.key"), clientCa: undefined });
  const closed = httpServer(httpApp(), { cert: at("s.pem"), key: at("s.key"), clientCa: at("ca.pem") });
  const get = (port: number, tls: { cert?: Bun.BunFile; key?: Bun.BunFile } = {}) =>
    fetch(`https://127.0.0.1:${port}/ping`, { tls: { rejectUnauthorized: false, ...tls } }).then((response) =>
      response.text(),
    );
  expect(await get(open.port)).toBe("pong\n");
  expect(await get(closed.port, { cert: Bun.file(at("c.pem")), key: Bun.file(at("c.key")) })).toBe("pong\n");
  await expect(get(closed.port)).rejects.toThrow();
  await expect(get(closed.port, { cert: Bun.file(at("x.pem")), key: Bun.file(at("x.key")) })).rejects.toThrow();

  // Certificate and key in one file.
  writeFileSync(at("both.pem"), (await Bun.file(at("s.pem")).text()) + (await Bun.file(at("s.key")).text()));
  expect(await get(httpServer(httpApp(), { cert: at("both.pem"), key: undefined, clientCa: undefined }).port)).toBe(
    "pong\n",
  );
  expect(() => httpServer(httpApp(), { cert: at("none.pem"), key: undefined, clientCa: undefined })).toThrow(
    /https-cert .*none\.pem/,
  );
  expect(() => httpServer(httpApp(), { cert: at("s.pem"), key: at("c.csr"), clientCa: undefined })).toThrow();
});

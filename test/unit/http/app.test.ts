/** The HTTP paths, without a socket. */
import { expect, test } from "bun:test";
import { accessByToken } from "../../../src/http/access.ts";
import { App, type Carrier } from "../../../src/http/app.ts";
import type { Health } from "../../../src/http/health.ts";
import { health } from "../../../src/http/health.ts";
import { openApi } from "../../../src/http/openapi.ts";
import type { MessageHandler } from "../../../src/ng/transports/websocket.ts";
import { Station, WORKER } from "../control-line/station.ts";

class Site {
  readonly station = new Station();
  readonly log: string[] = [];
  healthy: Health = { ready: true, reasons: [] };
  readonly app: App;
  upgraded: { readonly protocol: string; readonly handler: MessageHandler } | undefined;

  constructor(token?: string) {
    this.app = new App({
      operator: this.station.console,
      dispatcher: this.station.dispatcher,
      access: accessByToken(token),
      metrics: () => [{ name: "n_total", type: "counter", help: "h", samples: [{ value: 1 }] }],
      health: () => this.healthy,
      now: () => this.station.scene.now,
      log: (level, message) => void this.log.push(`${level}: ${message}`),
    });
  }

  async ask(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const carrier: Carrier = {
      peer: { address: "192.0.2.3", port: 5060 },
      upgrade: (protocol, handler) => {
        this.upgraded = { protocol, handler };
        return true;
      },
    };
    const body = typeof init.body === "string" ? Buffer.from(init.body, "latin1") : undefined;
    const headers = { ...(body && { "Content-Length": String(body.length) }), ...init.headers };
    const request = new Request(`http://127.0.0.1:9101${path}`, { ...init, headers, ...(body && { body }) });
    return await this.app.fetch(request, carrier);
  }

  async text(path: string, init?: RequestInit & { headers?: Record<string, string> }): Promise<string> {
    return Buffer.from(await (await this.ask(path, init)).arrayBuffer()).toString("latin1");
  }

  async json(path: string): Promise<unknown> {
    return JSON.parse(await (await this.ask(path)).text()) as unknown;
  }
}

const post = (type: string, body: string) => ({ method: "POST", headers: { "Content-Type": type }, body });
const NG = "application/x-rtpengine-ng";

test("ping, unknown paths and CORS", async () => {
  const site = new Site();
  const pong = await site.ask("/ping");
  expect(await pong.text()).toBe("pong\n");
  expect(pong.headers.get("content-type")).toBe("text/plain");
  expect(pong.headers.get("access-control-allow-origin")).toBe("*");
  expect(pong.headers.get("access-control-max-age")).toBe("86400");
  expect(pong.headers.get("access-control-allow-methods")).toBe("GET, POST");
  expect(pong.headers.get("access-control-allow-headers")).toBe("Content-Type");
  for (const path of ["/nope", "/ping/", "/index.html", "/sessionsx"]) {
    const missing = await site.ask(path);
    expect(missing.status, path).toBe(404);
    expect(await missing.text()).toBe("not found\n");
  }
  expect(site.log).toContain("info: HTTP GET from 192.0.2.3:5060: '/ping'");
  expect(site.log).toContain("warning: Unhandled HTTP URI: '/nope'");
  const options = await site.ask("/ng", { method: "OPTIONS" });
  expect([options.status, await options.text()]).toEqual([200, ""]);
  expect((await site.ask("/ng", { method: "PUT" })).status).toBe(405);
  expect(site.log).toContain("warning: Ignoring HTTP request to /ng with unsupported method");
  expect(site.app.requests.get("GET 404")).toBe(4);
  expect(site.app.requests.get("other 405")).toBe(1);
});

test("the command line by GET and POST", async () => {
  const site = new Site();
  for (const path of ["/cli/list+timeout", "/cli/list%20timeout"]) expect(await site.text(path)).toBe("TIMEOUT=60\n");
  expect(await site.text("/cli/")).toBe("Incomplete command: \n");
  expect(await site.text("/cli", post("text/plain", "list timeout"))).toBe("TIMEOUT=60\n");
  expect(await site.text("/cli", post("text/plain; charset=utf-8", "list timeout\r\n"))).toBe("TIMEOUT=60\n");
  expect(await site.text("/cli", post("text/plain", ""))).toBe("Incomplete command: \n");
  expect((await site.ask("/cli", post("application/json", "list timeout"))).status).toBe(404);
  // Bytes of a call-id come back as they are.
  expect(await site.text("/cli", post("text/plain", "terminate a\xe9\xff"))).toBe(
    "\nCall Id not found (a\xe9\xff).\n\n",
  );
  expect(await site.text("/cli/terminate+a%ff")).toBe("\nCall Id not found (a\xff).\n\n");
  expect(await site.text("/cli/terminate+a%2Fb%25")).toBe("\nCall Id not found (a/b%).\n\n");
});

test("ng: with cookie on /ng, without on /ng-plain; the content type decides and comes back", async () => {
  const site = new Site();
  const reply = await site.ask("/ng", post(NG, "1_a d7:command4:pinge"));
  expect(await reply.text()).toBe("1_a d6:result4:ponge");
  expect(reply.headers.get("content-type")).toBe(NG);
  expect(await site.text("/ng", post(NG, '1_b {"command":"ping"}'))).toBe('1_b {"result":"pong"}');
  const plain = await site.ask("/ng-plain", post("application/json", '{"command":"ping"}'));
  expect(await plain.text()).toBe('{"result":"pong"}');
  expect(plain.headers.get("content-type")).toBe("application/json");
  expect(await site.text("/ng-plain", post(NG, "d7:command4:pinge"))).toBe("d6:result4:ponge");
  // An ng error is a good HTTP answer.
  const error = await site.ask("/ng-plain", post("application/json", '{"command":"nonsense"}'));
  expect(error.status).toBe(200);
  expect(await error.json()).toMatchObject({ result: "error", "error-reason": "Unrecognized command" });
});

test("ng: what belongs to another path is unknown, what has no cookie has no reply", async () => {
  const site = new Site();
  for (const [path, type] of [
    ["/ng", "application/json"],
    ["/ng", "text/plain"],
    ["/ng-plain", "text/plain"],
  ] as const) {
    expect((await site.ask(path, post(type, "x {}"))).status).toBe(404);
  }
  expect((await site.ask("/ng")).status).toBe(404); // GET
  const mute = await site.ask("/ng", post(NG, "nocookie"));
  expect([mute.status, await mute.text()]).toEqual([500, "error\n"]);
});

test("ng: a POST needs a content type and a length, and may not be huge", async () => {
  const site = new Site();
  const body = Buffer.from("1_c d7:command4:pinge");
  const untyped = await site.ask("/ng", { method: "POST", headers: { "Content-Length": "21", "Content-Type": "" } });
  expect(untyped.status).toBe(415);
  expect(site.log).toContain("warning: Failed to get Content-type header, rejecting HTTP POST");
  const endless = new Request("http://x/ng", { method: "POST", headers: { "Content-Type": NG }, body });
  const carrier: Carrier = { peer: { address: "192.0.2.3", port: 1 }, upgrade: () => false };
  expect((await site.app.fetch(endless, carrier)).status).toBe(411);
  const huge = await site.ask("/ng", { method: "POST", headers: { "Content-Type": NG, "Content-Length": "99999999" } });
  expect(huge.status).toBe(413);
});

test("a repeated cookie is answered from the cache, over HTTP as over UDP", async () => {
  const site = new Site();
  const peer = { address: "192.0.2.9", port: 1 };
  site.station.call("first");
  const list = "1_dup d7:command4:liste";
  const first = Buffer.from(
    site.station.dispatcher.handle(Buffer.from(list), peer, site.station.scene.now)!,
  ).toString();
  site.station.call("second");
  expect(await site.text("/ng", post(NG, list))).toBe(first);
  expect(await site.text("/ng", post(NG, "1_other d7:command4:liste"))).toContain("second");
});

test("metrics in the notation that is asked for", async () => {
  const site = new Site();
  const text = await site.ask("/metrics");
  expect(text.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await text.text()).toContain("# TYPE n_total counter\nn_total 1\n");
  const open = await site.ask("/metrics", { headers: { Accept: "application/openmetrics-text; version=1.0.0" } });
  expect(open.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  expect(await open.text()).toContain("# TYPE n counter\n");
});

test("health: ready until draining, without worker or without ports", async () => {
  const site = new Site();
  expect(await site.json("/health/live")).toEqual({ status: "live" });
  expect((await site.ask("/health/ready")).status).toBe(200);
  site.healthy = { ready: false, reasons: ["because"] };
  const response = await site.ask("/health/ready");
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ status: "not ready", reasons: ["because"] });
  expect((await site.ask("/health/live")).status).toBe(200);

  const ports = [{ address: "10.0.0.5", free: 100 }];
  expect(health({ draining: false, workers: [WORKER], ports })).toEqual({ ready: true, reasons: [] });
  expect(health({ draining: true, workers: [WORKER], ports }).ready).toBe(false);
  expect(health({ draining: false, workers: [{ ...WORKER, alive: false }], ports }).reasons).toEqual([
    "relay worker 0 is not running",
  ]);
  expect(health({ draining: false, workers: [{ ...WORKER, stuck: true }], ports }).reasons).toEqual([
    "relay worker 0 is stuck",
  ]);
  expect(health({ draining: false, workers: [WORKER], ports: [{ address: "10.0.0.5", free: 3 }] }).ready).toBe(false);
});

test("sessions: pages of the list, and one call by its id", async () => {
  const site = new Site();
  for (const id of ["one", "two/with slash", "d\xc3\xa9j\xc3\xa0"]) site.station.call(id);
  expect(await site.json("/sessions")).toMatchObject({
    total: 3,
    sessions: [{ callId: "one", parties: 2, created: 1_767_225_600 }, { callId: "two/with slash" }, { callId: "déjà" }],
  });
  expect(await site.json("/sessions?limit=1&offset=1")).toMatchObject({
    total: 3,
    offset: 1,
    sessions: [{ callId: "two/with slash" }],
  });
  expect((await site.ask("/sessions?limit=-1")).status).toBe(400);
  for (const [path, callId] of [
    ["one", "one"],
    ["two%2Fwith%20slash", "two/with slash"],
    [encodeURIComponent("déjà"), "déjà"],
  ]) {
    expect(await site.json(`/sessions/${path}`)).toMatchObject({ callId, legs: [{ tag: "A" }, { tag: "B" }] });
  }
  const missing = await site.ask("/sessions/nobody");
  expect([missing.status, await missing.json()]).toEqual([404, { error: "there is no such call" }]);
});

test("stats is the statistics tree", async () => {
  const site = new Site();
  expect(await site.text("/stats")).toBe(site.station.run("list jsonstats"));
});

test("a token is wanted everywhere but on the health paths", async () => {
  const site = new Site("s3cret");
  for (const path of ["/", "/ping", "/health/live", "/health/ready"])
    expect((await site.ask(path)).status, path).toBe(200);
  for (const path of ["/metrics", "/sessions", "/stats", "/cli/list+timeout", "/openapi.json", "/nope"]) {
    const refused = await site.ask(path);
    expect(refused.status, path).toBe(401);
    expect(refused.headers.get("www-authenticate")).toStartWith("Bearer");
    for (const header of ["Bearer wrong", "Basic s3cret", "Bearer", "Bearer s3cret2", "s3cret"]) {
      expect((await site.ask(path, { headers: { Authorization: header } })).status).toBe(401);
    }
    expect((await site.ask(path, { headers: { Authorization: "Bearer s3cret" } })).status).not.toBe(401);
  }
  expect((await site.ask("/cli", post("text/plain", "terminate all"))).status).toBe(401);
  const socket = { Upgrade: "websocket", "Sec-WebSocket-Protocol": "cli.rtpengine.com" };
  // A WebSocket carries commands whatever its path is.
  for (const path of ["/", "/ping", "/health/live"]) {
    expect((await site.ask(path, { headers: socket })).status, path).toBe(401);
  }
  expect(site.upgraded).toBeUndefined();
  expect((await site.ask("/ng", { method: "OPTIONS" })).status).toBe(200);
});

test("WebSocket: the first subprotocol that is known is taken, on any path", async () => {
  const site = new Site();
  const offer = (protocols: string) =>
    site.ask("/any/path", { headers: { Upgrade: "websocket", "Sec-WebSocket-Protocol": protocols } });
  const say = (message: string) => {
    const answer = site.upgraded!.handler(Buffer.from(message, "latin1"), { address: "192.0.2.3", port: 1 }, 0);
    return answer && Buffer.from(answer).toString("latin1");
  };
  await offer("unknown.example.com, ng.rtpengine.com, cli.rtpengine.com");
  expect(site.upgraded!.protocol).toBe("ng.rtpengine.com");
  expect(say("1_ws d7:command4:pinge")).toBe("1_ws d6:result4:ponge");
  expect(say("nocookie")).toBeUndefined();
  await offer("ng-plain.rtpengine.com");
  expect(say('{"command":"ping"}')).toBe('{"result":"pong"}');
  expect(say("nonsense")).toContain("Invalid NG data format");
  await offer("cli.rtpengine.com");
  expect(say("list timeout")).toBe("TIMEOUT=60\n");
  expect(say("")).toBe("Incomplete command: \n");
  await offer("echo.rtpengine.com");
  expect(say("\x00\xff")).toBe("\x00\xff");
  expect((await offer("toString")).status).toBe(400);
  expect((await offer("")).status).toBe(400);
});

test("the OpenAPI description holds for the answers", async () => {
  const site = new Site();
  site.station.call("one");
  site.station.scene.received(30_000, { packetsIn: 1, ssrc: 7, payloadType: 8 });
  const api = (await site.json("/openapi.json")) as ReturnType<typeof openApi>;
  expect(api).toEqual(openApi((api["info"] as { version: string }).version));
  const { schemas } = api["components"] as unknown as { schemas: Record<string, Schema> };
  const paths = api["paths"] as unknown as Record<
    string,
    { get?: { responses: Record<string, { content: Record<string, { schema: Schema }> }> } }
  >;
  const documented = (path: string, status: number) =>
    paths[path]!.get!.responses[String(status)]!.content["application/json"]!.schema;
  const asked: [template: string, path: string][] = [
    ["/health/live", "/health/live"],
    ["/health/ready", "/health/ready"],
    ["/version", "/version"],
    ["/sessions", "/sessions"],
    ["/sessions", "/sessions?limit=x"],
    ["/sessions/{callId}", "/sessions/one"],
    ["/sessions/{callId}", "/sessions/two"],
    ["/stats", "/stats"],
  ];
  for (const [template, path] of asked) {
    const response = await site.ask(path);
    expect(complaints(await response.json(), documented(template, response.status), schemas, path)).toEqual([]);
  }
  for (const path of Object.keys(paths).filter((each) => paths[each]!.get && !each.includes("{"))) {
    expect((await site.ask(path)).status, path).toBe(200);
  }
});

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

/** What is wrong with a value: missing and undocumented members, other types. Enough of JSON Schema for our description. */
function complaints(value: unknown, schema: Schema, schemas: Readonly<Record<string, Schema>>, at: string): string[] {
  const flat = flatten(schema, schemas);
  const types = typeof flat.type === "string" ? [flat.type] : (flat.type ?? []);
  const kind =
    value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;
  if (!types.includes(kind) && !(kind === "integer" && types.includes("number")))
    return [`${at} is ${kind}, not ${types.join()}`];
  if (flat.enum && !flat.enum.includes(value)) return [`${at} is ${String(value)}`];
  if (Array.isArray(value)) return value.flatMap((item, i) => complaints(item, flat.items!, schemas, `${at}[${i}]`));
  if (kind !== "object" || !flat.properties) return [];
  const members = value as Record<string, unknown>;
  return [
    ...(flat.required ?? []).filter((name) => !(name in members)).map((name) => `${at}.${name} is missing`),
    ...Object.entries(members).flatMap(([name, item]) => {
      const of = flat.properties![name];
      return of ? complaints(item, of, schemas, `${at}.${name}`) : [`${at}.${name} is not documented`];
    }),
  ];
}

function flatten(schema: Schema, schemas: Readonly<Record<string, Schema>>): Schema {
  if (schema.$ref) return flatten(schemas[schema.$ref.split("/").at(-1)!]!, schemas);
  if (!schema.allOf) return schema;
  const parts = schema.allOf.map((part) => flatten(part, schemas));
  return {
    type: "object",
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)) as Record<string, Schema>,
    required: parts.flatMap(({ required }) => required ?? []),
  };
}

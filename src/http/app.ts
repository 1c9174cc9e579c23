/** All HTTP paths, as one Hono application. It owns no socket: the server hands it requests, and what they run on. */
import { type Context, Hono } from "hono";
import { type Endpoint, formatEndpoint } from "../address.ts";
import { version } from "../build-info.ts";
import { jsonForm } from "../call/statistics.ts";
import { runLine } from "../control-line/commands.ts";
import type { Operator } from "../control-line/operator.ts";
import { callData, summaryData } from "../control-line/sessions.ts";
import type { Json } from "../control-line/tree.ts";
import { MAX_HTTP_BODY, MAX_LISTED_SESSIONS } from "../limits.ts";
import { byteString } from "../ng/byte-string.ts";
import type { Dispatcher } from "../ng/dispatcher.ts";
import { toByteString } from "../ng/json.ts";
import { mediaType, NG_PATHS, type NgPath, ngOverHttp } from "../ng/transports/http.ts";
import { type MessageHandler, ngSubprotocols } from "../ng/transports/websocket.ts";
import { type AnyFamily, CONTENT_TYPE, notationFor, renderMetrics } from "../observe/metrics.ts";
import type { Access } from "./access.ts";
import { dashboard } from "./dashboard/dashboard.ts";
import type { Health } from "./health.ts";
import { openApi } from "./openapi.ts";

export interface AppOptions {
  readonly operator: Operator;
  readonly dispatcher: Dispatcher;
  readonly access: Access;
  /** Made when asked for. */
  metrics(): readonly AnyFamily[];
  health(): Health;
  /** Unix time in milliseconds. */
  now(): number;
  log(level: "info" | "warning" | "error", message: string): void;
}

/** What a request runs on. */
export interface Carrier {
  readonly peer: Endpoint;
  /** Makes a WebSocket of it; false when that is not possible. */
  upgrade(protocol: string, handler: MessageHandler): boolean;
}

type Env = { Bindings: Carrier };

/** Browsers may talk to it from any page, as dashboards do. */
const CORS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Max-Age": "86400",
  "Access-Control-Allow-Methods": "GET, POST",
  "Access-Control-Allow-Headers": "Content-Type",
} as const;

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "OPTIONS"]);

export class App {
  /** Requests by `METHOD STATUS`. */
  readonly requests = new Map<string, number>();
  readonly #options: AppOptions;
  readonly #hono = new Hono<Env>();
  readonly #subprotocols: Readonly<Record<string, MessageHandler>>;

  constructor(options: AppOptions) {
    this.#options = options;
    const { operator, dispatcher, log } = options;
    this.#subprotocols = {
      ...ngSubprotocols(dispatcher),
      "cli.rtpengine.com": (message) => Buffer.from(runLine(operator, oneLine(byteString(message))), "latin1"),
      "echo.rtpengine.com": (message) => Uint8Array.from(message),
    };
    const hono = this.#hono;
    hono.use(async (c, next) => {
      const { method } = c.req;
      const uri = c.req.url.slice(c.req.url.indexOf("/", "https://".length));
      if (!METHODS.has(method)) {
        log("warning", `Ignoring HTTP request to ${uri} with unsupported method`);
        return text("method not allowed\n", 405);
      }
      if (!polled(c)) log("info", `HTTP ${method} from ${formatEndpoint(c.env.peer)}: '${uri}'`);
      const upgrade = c.req.header("upgrade")?.toLowerCase() === "websocket";
      if (!options.access.admits(method, c.req.path, c.req.header("authorization"), upgrade)) {
        return text("unauthorized\n", 401, { "WWW-Authenticate": 'Bearer realm="sluice"' });
      }
      if (upgrade) return this.#upgrade(c);
      if (method === "OPTIONS") return text("", 200);
      return next();
    });
    this.#routes();
    hono.notFound((c) => {
      log("warning", `Unhandled HTTP URI: '${c.req.path}'`);
      return notFound();
    });
    hono.onError((error) => {
      log("error", `Internal error in HTTP request: ${error.stack ?? error.message}`);
      return text("internal error\n", 500);
    });
  }

  async fetch(request: Request, carrier: Carrier): Promise<Response> {
    const response = await this.#hono.fetch(request, carrier);
    const key = `${METHODS.has(request.method) ? request.method : "other"} ${response.status}`;
    this.requests.set(key, (this.requests.get(key) ?? 0) + 1);
    return response;
  }

  #routes(): void {
    const hono = this.#hono;
    const { operator, metrics, health } = this.#options;
    hono.get("/", () => {
      const { html, headers } = dashboard();
      return reply(html, 200, "text/html; charset=utf-8", headers);
    });
    hono.get("/ping", () => text("pong\n", 200));
    hono.get("/metrics", (c) => {
      const notation = notationFor(c.req.header("accept"));
      return reply(renderMetrics(metrics(), notation), 200, CONTENT_TYPE[notation]);
    });
    hono.get("/health/live", () => json({ status: "live" }));
    hono.get("/health/ready", () => {
      const { ready, reasons } = health();
      return json({ status: ready ? "ready" : "not ready", reasons }, ready ? 200 : 503);
    });
    hono.get("/version", () => json({ version }));
    hono.get("/stats", () => reply(jsonForm(operator.statistics()), 200, "application/json"));
    hono.get("/sessions", (c) => {
      const limit = numeric(c.req.query("limit"), 1_000, MAX_LISTED_SESSIONS);
      const offset = numeric(c.req.query("offset"), 0, Number.MAX_SAFE_INTEGER);
      if (limit === undefined || offset === undefined) {
        return json({ error: "limit and offset must be whole numbers" }, 400);
      }
      const sessions: Json[] = [];
      let total = 0;
      for (const call of operator.calls()) {
        if (total >= offset && sessions.length < limit) sessions.push(summaryData(call));
        total++;
      }
      return json({ total, offset, sessions });
    });
    hono.get("/sessions/:callId{.+}", (c) => {
      const callId = decoded(rawPath(c).slice("/sessions/".length));
      const call = callId === undefined ? undefined : operator.call(callId);
      return call ? json(callData(call)) : json({ error: "there is no such call" }, 404);
    });
    hono.get("/openapi.json", () => json(openApi(version)));

    hono.get("/cli/:line{.*}", (c) => {
      const line = decoded(rawPath(c).slice("/cli/".length).replaceAll("+", " "));
      return line === undefined ? notFound() : latin1(runLine(operator, oneLine(line)));
    });
    hono.post("/cli", (c) =>
      this.#body(c, ["text/plain"], (body) => latin1(runLine(operator, oneLine(byteString(body))))),
    );
    for (const path of Object.keys(NG_PATHS) as NgPath[]) {
      hono.post(path, (c) => this.#body(c, NG_PATHS[path], (body, type) => this.#ng(path, type, body, c.env.peer)));
    }
  }

  #ng(path: NgPath, type: string, body: Uint8Array, peer: Endpoint): Response {
    const answer = ngOverHttp(this.#options.dispatcher, path, type, body, peer, this.#options.now());
    // The reference answers with the status 600, which HTTP does not have.
    return answer ? reply(answer, 200, type) : text("error\n", 500);
  }

  /** Reads a POST's body when its content type belongs to the path. */
  async #body(
    c: Context<Env>,
    types: readonly string[],
    answer: (body: Uint8Array, type: string) => Response,
  ): Promise<Response> {
    const { log } = this.#options;
    const type = mediaType(c.req.header("content-type"));
    if (type === "") {
      log("warning", "Failed to get Content-type header, rejecting HTTP POST");
      return text("a Content-Type is needed\n", 415, { Connection: "close" });
    }
    const length = c.req.header("content-length");
    if (length === undefined) {
      log("warning", "Failed to get Content-length header, rejecting HTTP POST");
      return text("a Content-Length is needed\n", 411, { Connection: "close" });
    }
    if (!types.includes(type)) {
      log("warning", `Unhandled HTTP URI: '${c.req.path}'`);
      return notFound();
    }
    if (Number(length) > MAX_HTTP_BODY) return text("body too large\n", 413, { Connection: "close" });
    return answer(new Uint8Array(await c.req.arrayBuffer()), type);
  }

  /** The first subprotocol of the client's list that is known here. */
  #upgrade(c: Context<Env>): Response {
    const offered = (c.req.header("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
    const protocol = offered.find((name) => Object.hasOwn(this.#subprotocols, name));
    const handler = protocol === undefined ? undefined : this.#subprotocols[protocol];
    if (protocol === undefined || !handler) {
      this.#options.log("warning", `Unhandled WebSocket protocol: '${offered.join(", ")}'`);
      return text(`subprotocols are ${Object.keys(this.#subprotocols).join(", ")}\n`, 400);
    }
    if (!c.env.upgrade(protocol, handler)) return text("not a WebSocket handshake\n", 400);
    // The server has sent its own 101; this only says that the request is done.
    return new Response(null, { status: 204 });
  }
}

function reply(
  body: string | Uint8Array,
  status: number,
  type: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(body as Uint8Array<ArrayBuffer> | string, {
    status,
    headers: { "Content-Type": type, ...CORS, ...headers },
  });
}

/** One of the dashboard's requests, which come every second: not worth a line of the log each. */
function polled(c: Context<Env>): boolean {
  return c.req.header("x-sluice-dashboard") !== undefined && /^\/(stats|version|sessions|health)\b/.test(c.req.path);
}

const text = (body: string, status: number, headers?: Record<string, string>): Response =>
  reply(body, status, "text/plain", headers);
/** What the command line prints: a byte string. */
const latin1 = (body: string): Response => reply(Buffer.from(body, "latin1"), 200, "text/plain");
const json = (body: Json, status = 200): Response => reply(`${JSON.stringify(body)}\n`, status, "application/json");
const notFound = (): Response => text("not found\n", 404);

/** Everything up to the line end. */
const oneLine = (bytes: string): string => /^[\r\n]*([^\r\n]*)/.exec(bytes)![1]!;

/** The path as it was sent, escapes and all. */
function rawPath(c: Context<Env>): string {
  return new URL(c.req.url).pathname;
}

/** Percent-encoding undone, as a byte string; undefined where it is malformed. */
function decoded(path: string): string | undefined {
  try {
    return toByteString(decodeURIComponent(path));
  } catch {
    // Bytes that are no UTF-8: taken one by one.
    return /%(?![0-9a-f]{2})/i.test(path)
      ? undefined
      : path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

function numeric(given: string | undefined, fallback: number, max: number): number | undefined {
  if (given === undefined) return fallback;
  return /^[0-9]{1,15}$/.test(given) ? Math.min(Number(given), max) : undefined;
}

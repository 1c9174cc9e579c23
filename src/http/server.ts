/** The sockets of the HTTP listeners: Bun's server around the application, plain and with TLS. */
import { readFileSync } from "node:fs";
import type { Server, ServerWebSocket } from "bun";
import type { Endpoint } from "../address.ts";
import { MAX_HTTP_BODY, MAX_REPLY_BACKLOG } from "../limits.ts";
import { plainAddress } from "../ng/transports/tcp.ts";
import type { MessageHandler } from "../ng/transports/websocket.ts";
import type { App } from "./app.ts";

export interface TlsFiles {
  /** PEM, may hold the key as well. */
  readonly cert: string;
  readonly key: string | undefined;
  /** Certificates of these authorities are asked of clients. */
  readonly clientCa: string | undefined;
}

export interface HttpServerOptions {
  readonly listen: Endpoint;
  readonly tls?: TlsFiles;
  /** Seconds; 0 = the server's own. */
  readonly idleTimeout: number;
  /** Unix time in milliseconds. */
  now(): number;
}

export interface HttpServer {
  readonly port: number;
  readonly webSockets: number;
  close(): Promise<void>;
}

interface WebSocketData {
  readonly peer: Endpoint;
  readonly handler: MessageHandler;
}

/** Bun's upper bound. Seconds. */
const MAX_IDLE = 255;
const DEFAULT_IDLE = 60;

/** @throws Error that names the file or the address, with the system's words */
export function listenHttp(app: App, options: HttpServerOptions): HttpServer {
  const { listen, idleTimeout, now } = options;
  const tls = options.tls && readTls(options.tls);
  const server: Server<WebSocketData> = Bun.serve<WebSocketData>({
    hostname: listen.address,
    port: listen.port,
    development: false,
    maxRequestBodySize: MAX_HTTP_BODY,
    idleTimeout: Math.min(idleTimeout || DEFAULT_IDLE, MAX_IDLE),
    ...(tls && { tls }),
    async fetch(request, bun) {
      const address = bun.requestIP(request);
      const peer = address ? { address: plainAddress(address.address), port: address.port } : { address: "", port: 0 };
      let upgraded = false;
      const response = await app.fetch(request, {
        peer,
        upgrade(protocol, handler) {
          upgraded = bun.upgrade(request, { data: { peer, handler }, headers: { "Sec-WebSocket-Protocol": protocol } });
          return upgraded;
        },
      });
      return upgraded ? undefined : response;
    },
    error: () => new Response("internal error\n", { status: 500 }),
    websocket: {
      maxPayloadLength: MAX_HTTP_BODY,
      backpressureLimit: MAX_REPLY_BACKLOG,
      closeOnBackpressureLimit: true,
      idleTimeout: Math.min(idleTimeout || 120, MAX_IDLE),
      message(socket: ServerWebSocket<WebSocketData>, message) {
        const { handler, peer } = socket.data;
        const reply = handler(typeof message === "string" ? Buffer.from(message) : message, peer, now());
        if (reply) socket.sendBinary(reply);
      },
    },
  });
  return {
    port: server.port ?? listen.port,
    get webSockets() {
      return server.pendingWebSockets;
    },
    close: () => server.stop(true),
  };
}

function readTls({ cert, key, clientCa }: TlsFiles) {
  const certificate = readPem("https-cert", cert);
  return {
    cert: certificate,
    key: key === undefined ? certificate : readPem("https-key", key),
    ...(clientCa !== undefined && {
      ca: readPem("https-client-ca", clientCa),
      requestCert: true,
      rejectUnauthorized: true,
    }),
  };
}

function readPem(option: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${option} ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!text.includes("-----BEGIN ")) throw new Error(`${option} ${path} is no PEM file`);
  return text;
}

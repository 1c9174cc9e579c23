/**
 * ng over TCP: `cookie SP dictionary` in bencode, message after message with nothing between them. Replies are written the
 * same way, in the order in which they are ready.
 */
import type { Socket, TCPSocketListener } from "bun";
import { type Endpoint, formatEndpoint } from "../../address.ts";
import { MAX_CONTROL_CONNECTIONS, MAX_COOKIE_LENGTH, MAX_NG_MESSAGE, MAX_UNPARSED } from "../../limits.ts";
import { BencodeScanner } from "../bencode-scan.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { ReplyWriter } from "./reply-writer.ts";

export interface TcpListenerOptions {
  readonly listen: Endpoint;
  /** Unix time in milliseconds. */
  now(): number;
  log(level: "info" | "warning", message: string): void;
}

export interface TcpListener {
  readonly port: number;
  readonly connections: number;
  close(): void;
}

const SPACE = 0x20;

interface Connection {
  readonly peer: Endpoint;
  readonly writer: ReplyWriter;
  /** What has come and is not yet a whole message; starts at a cookie. */
  buffer: Buffer;
  used: number;
  /** Bytes of the cookie with its space; 0 = it is not complete. */
  cookie: number;
  scanner: BencodeScanner;
  closing: boolean;
}

/** @throws Error with the system's words when the address cannot be had */
export function listenTcp(dispatcher: Dispatcher, options: TcpListenerOptions): TcpListener {
  const { listen, now, log } = options;
  const open = new Set<Socket<Connection>>();

  function received(socket: Socket<Connection>, bytes: Uint8Array): void {
    const { data: connection } = socket;
    append(connection, bytes);
    while (!connection.closing && connection.used > 0) {
      if (connection.cookie === 0) {
        const space = connection.buffer.subarray(0, connection.used).indexOf(SPACE);
        if (space < 0) {
          if (connection.used > MAX_UNPARSED) exceeded(socket);
          return;
        }
        if (space === 0 || space > MAX_COOKIE_LENGTH) {
          refuse(socket, connection.used);
          return;
        }
        connection.cookie = space + 1;
      }
      const body = connection.buffer.subarray(connection.cookie, connection.used);
      const state = connection.scanner.scan(body);
      if (state === "malformed") {
        refuse(socket, connection.used);
        return;
      }
      if (state === "incomplete") {
        if (body.length > MAX_NG_MESSAGE) exceeded(socket);
        return;
      }
      const length = connection.cookie + connection.scanner.at;
      answer(socket, connection.buffer.subarray(0, length));
      connection.buffer.copyWithin(0, length, connection.used);
      connection.used -= length;
      connection.cookie = 0;
      connection.scanner = new BencodeScanner();
    }
  }

  function answer(socket: Socket<Connection>, message: Uint8Array): void {
    const { peer, writer } = socket.data;
    const reply = dispatcher.handle(message, peer, now(), Number.POSITIVE_INFINITY);
    if (reply && !writer.write(socket, reply)) {
      log("warning", `TCP control ng connection from ${formatEndpoint(peer)} does not take its replies, closing it`);
      drop(socket);
    }
  }

  /** Where a message begins cannot be known any more: the error reply is the last one. */
  function refuse(socket: Socket<Connection>, length: number): void {
    const { data: connection } = socket;
    answer(socket, connection.buffer.subarray(0, Math.min(length, MAX_UNPARSED)));
    if (!connection.closing) connection.writer.end(socket);
    connection.closing = true;
  }

  function exceeded(socket: Socket<Connection>): void {
    log("warning", `Buffer length exceeded in control connection from ${formatEndpoint(socket.data.peer)}`);
    drop(socket);
  }

  function drop(socket: Socket<Connection>): void {
    socket.data.closing = true;
    socket.terminate();
  }

  const server: TCPSocketListener<Connection> = Bun.listen<Connection>({
    hostname: listen.address,
    port: listen.port,
    socket: {
      binaryType: "buffer",
      open(socket) {
        const peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort };
        socket.data = {
          peer,
          writer: new ReplyWriter(),
          buffer: Buffer.allocUnsafe(0),
          used: 0,
          cookie: 0,
          scanner: new BencodeScanner(),
          closing: false,
        };
        if (open.size >= MAX_CONTROL_CONNECTIONS) {
          log("warning", `Refusing TCP control ng connection from ${formatEndpoint(peer)}: ${open.size} are open`);
          drop(socket);
          return;
        }
        open.add(socket);
        log("info", `New TCP control ng connection from ${formatEndpoint(peer)}`);
      },
      data: received,
      drain: (socket) => socket.data.writer.drain(socket),
      close(socket) {
        if (!open.delete(socket)) return;
        socket.data.closing = true;
        log("info", `TCP control ng connection from ${formatEndpoint(socket.data.peer)} is closing`);
      },
      error() {
        // The close that follows says it.
      },
    },
  });

  return {
    port: server.port,
    get connections() {
      return open.size;
    },
    close() {
      server.stop(true);
    },
  };
}

function append(connection: Connection, bytes: Uint8Array): void {
  const needed = connection.used + bytes.length;
  if (needed > connection.buffer.length) {
    const larger = Buffer.allocUnsafe(Math.max(needed, connection.buffer.length * 2, 4_096));
    connection.buffer.copy(larger, 0, 0, connection.used);
    connection.buffer = larger;
  }
  connection.buffer.set(bytes, connection.used);
  connection.used = needed;
}

/** IPv4 peers of a dual-stack socket show as IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}

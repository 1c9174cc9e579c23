/** The command line over TCP: one line, one answer, then the connection is closed. There is no authentication. */
import type { Socket } from "bun";
import { type Endpoint, formatEndpoint } from "../address.ts";
import { MAX_CONTROL_CONNECTIONS, MAX_UNPARSED } from "../limits.ts";
import { byteString } from "../ng/byte-string.ts";
import { ReplyWriter } from "../ng/transports/reply-writer.ts";
import { plainAddress } from "../ng/transports/tcp.ts";

export interface LineServerOptions {
  readonly listen: Endpoint;
  /** Answers a line, a byte string without its end. */
  answer(line: string): string;
  log(level: "info" | "warning", message: string): void;
}

export interface LineServer {
  readonly port: number;
  readonly connections: number;
  close(): void;
}

/** A client that sends nothing is not waited for longer. Seconds. */
const IDLE = 30;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

interface Connection {
  readonly peer: Endpoint;
  readonly writer: ReplyWriter;
  bytes: Buffer;
  answered: boolean;
}

/** @throws Error with the system's words when the address cannot be had */
export function listenLines({ listen, answer, log }: LineServerOptions): LineServer {
  const open = new Set<Socket<Connection>>();

  /** Takes the line that is complete, or that the end of the input completes. */
  function take(socket: Socket<Connection>, ended: boolean): void {
    const { data: connection } = socket;
    if (connection.answered) return;
    let start = 0;
    while (
      connection.bytes[start] === NEWLINE ||
      (connection.bytes[start] === RETURN && connection.bytes[start + 1] === NEWLINE)
    ) {
      start++;
    }
    let end = connection.bytes.indexOf(NEWLINE, start);
    if (end < 0) {
      if (connection.bytes.length > MAX_UNPARSED) {
        connection.answered = true;
        log("info", `Buffer length exceeded in CLI connection from ${formatEndpoint(connection.peer)}`);
        socket.terminate();
        return;
      }
      if (!ended) return;
      end = connection.bytes.length;
    }
    if (end > start && connection.bytes[end - 1] === RETURN) end--;
    connection.answered = true;
    if (end === start) {
      socket.end();
      return;
    }
    const line = byteString(connection.bytes, start, end);
    log("info", `Got CLI command: ${line}`);
    connection.writer.write(socket, Buffer.from(answer(line), "latin1"));
    connection.writer.end(socket);
  }

  const server = Bun.listen<Connection>({
    hostname: listen.address,
    port: listen.port,
    // A client may close its side and still wait for the answer.
    allowHalfOpen: true,
    socket: {
      binaryType: "buffer",
      open(socket) {
        const peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort };
        socket.data = { peer, writer: new ReplyWriter(), bytes: Buffer.alloc(0), answered: false };
        if (open.size >= MAX_CONTROL_CONNECTIONS) {
          log("warning", `Refusing CLI connection from ${formatEndpoint(peer)}: ${open.size} are open`);
          socket.data.answered = true;
          socket.terminate();
          return;
        }
        open.add(socket);
        socket.timeout(IDLE);
        log("info", `New cli connection from ${formatEndpoint(peer)}`);
      },
      data(socket, bytes) {
        const { data: connection } = socket;
        if (connection.answered) return;
        connection.bytes = Buffer.concat([connection.bytes, bytes]);
        take(socket, false);
      },
      end: (socket) => take(socket, true),
      drain: (socket) => socket.data.writer.drain(socket),
      timeout: (socket) => void socket.terminate(),
      close: (socket) => void open.delete(socket),
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

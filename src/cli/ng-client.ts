/**
 * A small ng client over UDP, for the subcommands that talk to a running daemon. It is the other side of the protocol,
 * so it uses the `bencode` package rather than the daemon's own codec: each checks the other.
 */
import bencode from "bencode";

/** A decoded reply; byte strings are decoded as UTF-8 text, which is all that these subcommands show. */
export type NgReply = { readonly [key: string]: unknown };

/** One try; the same datagram is sent again with the same cookie, as the SIP proxies do. Milliseconds. */
const TRY_TIMEOUT = 250;
const TRIES = 8;

export class NgClient {
  readonly #pending = new Map<string, (reply: NgReply) => void>();
  #counter = 0;

  private constructor(private readonly socket: Bun.udp.ConnectedSocket<"uint8array">) {}

  static async connect(host: string, port: number): Promise<NgClient> {
    let client: NgClient | undefined;
    const socket = await Bun.udpSocket({
      connect: { hostname: host, port },
      binaryType: "uint8array",
      socket: {
        data: (_socket, data) => client?.receive(data),
        // The daemon may not be up yet: the next try finds it.
        error: () => {},
      },
    });
    client = new NgClient(socket);
    return client;
  }

  /** Sends a request until it is answered. Rejects with a sentence when there is no answer or an error reply. */
  async request(message: { readonly [key: string]: unknown }): Promise<NgReply> {
    const cookie = `${process.pid}_${++this.#counter}`;
    const datagram = Buffer.concat([Buffer.from(`${cookie} `), bencode.encode(message)]);
    const reply = await new Promise<NgReply | undefined>((resolve) => {
      let tries = 0;
      const send = () => {
        if (tries++ === TRIES) return finish(undefined);
        this.socket.send(datagram);
      };
      const timer = setInterval(send, TRY_TIMEOUT);
      const finish = (value: NgReply | undefined) => {
        clearInterval(timer);
        this.#pending.delete(cookie);
        resolve(value);
      };
      this.#pending.set(cookie, finish);
      send();
    });
    if (!reply)
      throw new Error(`no answer to '${String(message["command"])}' within ${(TRIES * TRY_TIMEOUT) / 1000} s`);
    if (reply["result"] === "error")
      throw new Error(`'${String(message["command"])}' failed: ${String(reply["error-reason"])}`);
    return reply;
  }

  close(): void {
    this.socket.close();
  }

  private receive(data: Uint8Array): void {
    const space = data.indexOf(0x20);
    if (space < 0) return;
    const waiting = this.#pending.get(Buffer.from(data.subarray(0, space)).toString("latin1"));
    if (!waiting) return;
    try {
      const reply = text(bencode.decode(data.subarray(space + 1)));
      if (reply !== null && typeof reply === "object") waiting(reply as NgReply);
    } catch {
      // Not a reply to us: the next try asks again.
    }
  }
}

/** Byte strings as text, all the way down: the package's own `utf8` option fails on dictionary keys under Bun. */
function text(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return value.map(text);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, text(item)]));
}

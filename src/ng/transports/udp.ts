/** ng over UDP: one datagram, one message. The socket is opened in `ffi/`, so that replies leave from where asked. */
import { openControlSocket } from "../../../ffi/control-socket.ts";
import type { Endpoint } from "../../address.ts";
import type { Dispatcher } from "../dispatcher.ts";

export interface UdpListenerOptions {
  /** Where to listen: canonical address, `0.0.0.0` and `::` included; port 0 = any. */
  readonly listen: readonly Endpoint[];
  /** TOS byte of replies. */
  readonly tos: number;
  /** Path MTU discovery; undefined = as the system has it. */
  readonly pmtu?: "want" | "dont";
  /** Unix time in milliseconds. */
  now(): number;
}

export interface UdpListener {
  /** Ports in the order of `listen`. */
  readonly ports: readonly number[];
  /** TOS byte of replies from now on. */
  setTos(tos: number): void;
  close(): void;
}

/** Opens all sockets or none. @throws SystemError with a sentence for the operator when one cannot be opened. */
export function listenUdp(dispatcher: Dispatcher, options: UdpListenerOptions): UdpListener {
  const { tos, pmtu, now } = options;
  const sockets: ReturnType<typeof openControlSocket>[] = [];
  const close = () => {
    for (const socket of sockets) socket.close();
  };
  try {
    for (const { address, port } of options.listen) {
      const socket = openControlSocket(
        pmtu === undefined ? { address, port, tos } : { address, port, tos, pmtu },
        (data, peer, reply) => {
          const answer = dispatcher.handle(data, peer, now());
          if (answer) reply(answer);
        },
      );
      sockets.push(socket);
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    ports: sockets.map((socket) => socket.port),
    setTos(value) {
      for (const socket of sockets) socket.setTos(value);
    },
    close,
  };
}

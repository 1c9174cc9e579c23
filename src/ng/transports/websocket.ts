/** ng over WebSocket: each message is one ng message, each reply a binary frame. Knows no WebSocket server. */
import type { Endpoint } from "../../address.ts";
import type { Dispatcher } from "../dispatcher.ts";

/** Answers one message; undefined: there is nothing to say. The reply is the caller's. */
export type MessageHandler = (message: Uint8Array, peer: Endpoint, now: number) => Uint8Array | undefined;

/** Handlers by the name of the subprotocol (RFC 6455 section 1.9). */
export function ngSubprotocols(dispatcher: Dispatcher): Readonly<Record<string, MessageHandler>> {
  return {
    "ng.rtpengine.com": (message, peer, now) => {
      const reply = dispatcher.handle(message, peer, now, Number.POSITIVE_INFINITY);
      return reply && Uint8Array.from(reply);
    },
    "ng-plain.rtpengine.com": (message, peer) => Uint8Array.from(dispatcher.handlePlain(message, peer)),
  };
}

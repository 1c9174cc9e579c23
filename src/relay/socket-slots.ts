/** What the port pool needs from whoever serves the sockets it opens: a slot each, and word when they may be closed. */
import type { Family } from "../address.ts";
import type { SocketId } from "../planes/plane.ts";

export interface SocketSlots {
  /** A free slot for an open socket, served by the worker that `affinity` chooses; undefined = the table is full. */
  claim(fd: number, family: Family, affinity: number): SocketId | undefined;
  /**
   * The socket is not to be used any more. `closable` is called exactly once, now or later, when no thread can touch its
   * descriptor; the slot is free for others after `closable` returned.
   */
  retire(id: SocketId, closable: () => void): void;
}

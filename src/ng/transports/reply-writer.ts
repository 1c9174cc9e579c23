/** Writes replies to a TCP connection whose peer may read slowly: what the system does not take waits here, up to a limit. */
import type { Socket } from "bun";
import { MAX_REPLY_BACKLOG } from "../../limits.ts";

export class ReplyWriter {
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #ending = false;

  /** False: the peer takes nothing, and the limit is reached; the connection should be closed. Bytes are copied. */
  write(socket: Socket<unknown>, bytes: Uint8Array): boolean {
    if (this.#waiting.length === 0) {
      const taken = Math.max(0, socket.write(bytes));
      if (taken >= bytes.length) return true;
      bytes = bytes.subarray(taken);
    }
    if (this.#bytes + bytes.length > MAX_REPLY_BACKLOG) return false;
    this.#waiting.push(Uint8Array.from(bytes));
    this.#bytes += bytes.length;
    return true;
  }

  /** Closes the connection once everything is written. */
  end(socket: Socket<unknown>): void {
    this.#ending = true;
    if (this.#waiting.length === 0) socket.end();
  }

  /** The system takes more. */
  drain(socket: Socket<unknown>): void {
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0]!;
      const taken = Math.max(0, socket.write(first));
      this.#bytes -= taken;
      if (taken < first.length) {
        this.#waiting[0] = first.subarray(taken);
        return;
      }
      this.#waiting.shift();
    }
    if (this.#ending) socket.end();
  }
}

/** A Unix datagram socket that receives: a syslog daemon or a service manager for tests. */
import { AF_UNIX, libc, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM } from "../../../ffi/libc.ts";
import { mapArena } from "../../../ffi/memory.ts";
import { SystemError } from "../../../ffi/system-error.ts";

const DATA_AT = 128;
const SPACE = 65_536;

export class UnixReceiver {
  readonly #fd: number;
  readonly #arena = mapArena(DATA_AT + SPACE);
  #open = true;

  /** @param path `@NAME` = in the abstract space */
  constructor(readonly path: string) {
    const bytes = new Uint8Array(this.#arena.view());
    const name = Buffer.from(path.replace(/^@/, "\0"), "utf8");
    bytes[0] = AF_UNIX;
    bytes.set(name, 2);
    this.#fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (libc.bind(this.#fd, this.#arena.address, 2 + name.length) !== 0) throw new SystemError(`bind ${path}`);
  }

  /** The next datagram that is there, latin1; undefined: none is. */
  take(): string | undefined {
    const length = libc.recvfrom(this.#fd, this.#arena.address + DATA_AT, SPACE, MSG_DONTWAIT, 0, 0);
    return length < 0 ? undefined : Buffer.from(this.#arena.view(DATA_AT, length)).toString("latin1");
  }

  takeAll(): string[] {
    const all: string[] = [];
    for (let each = this.take(); each !== undefined; each = this.take()) all.push(each);
    return all;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    libc.close(this.#fd);
    this.#arena.release();
  }
}

/**
 * Sending datagrams to a Unix socket that somebody else listens on: syslog's `/dev/log`, systemd's notify socket (unix(7)).
 * The target is named anew with each datagram, so a receiver that was restarted is found again by itself.
 *
 * Memory: one arena per instance, for its address and one datagram, released by `close` together with the descriptor.
 */
import { AF_UNIX, EINTR, EMSGSIZE, errno, libc, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_DGRAM } from "./libc.ts";
import { type Arena, mapArena } from "./memory.ts";
import { SystemError } from "./system-error.ts";

/** struct sockaddr_un: byte offsets, and the longest path with its final zero. */
export const SOCKADDR_UN = { family: 0, path: 2, size: 110, pathLength: 108 } as const;

const DATA_AT = 128;
/** Longest datagram, bytes: more than a syslog daemon takes. */
export const MAX_UNIX_DATAGRAM = 65_536;

/**
 * Writes the address of `path` into `bytes`; `@NAME` is a name in the abstract space. Returns its length, 0 = the path is
 * empty or too long.
 */
export function encodeUnixAddress(bytes: Uint8Array, path: string): number {
  const raw = Buffer.from(path, "utf8");
  const abstract = raw[0] === 0x40;
  // The zero behind a path in the file system has to fit; an abstract name has none.
  if (raw.length === 0 || raw.length > SOCKADDR_UN.pathLength - (abstract ? 0 : 1)) return 0;
  bytes.fill(0, 0, SOCKADDR_UN.size);
  bytes[SOCKADDR_UN.family] = AF_UNIX;
  bytes.set(raw, SOCKADDR_UN.path);
  if (!abstract) return SOCKADDR_UN.path + raw.length + 1;
  bytes[SOCKADDR_UN.path] = 0;
  return SOCKADDR_UN.path + raw.length;
}

export class UnixDatagramSender {
  readonly path: string;
  readonly #fd: number;
  readonly #arena: Arena;
  readonly #bytes: Uint8Array;
  readonly #addressLength: number;
  #open = true;

  /**
   * @param path in the file system, or `@NAME`
   * @throws SystemError when there is no such address or no socket is to be had; a receiver need not exist yet
   */
  constructor(path: string) {
    this.path = path;
    this.#arena = mapArena(DATA_AT + MAX_UNIX_DATAGRAM);
    this.#bytes = new Uint8Array(this.#arena.view());
    this.#addressLength = encodeUnixAddress(this.#bytes, path);
    if (this.#addressLength === 0) {
      this.#arena.release();
      throw new SystemError(`send to the socket '${path}'`, EMSGSIZE);
    }
    this.#fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) {
      const error = new SystemError(`open a socket for ${path}`);
      this.#arena.release();
      throw error;
    }
  }

  /** Sends one datagram. Never blocks, never throws. Returns 0 or the errno: EAGAIN = the receiver's queue is full. */
  send(data: Uint8Array): number {
    if (!this.#open || data.length > MAX_UNIX_DATAGRAM) return EMSGSIZE;
    this.#bytes.set(data, DATA_AT);
    const { address } = this.#arena;
    for (let tries = 0; ; tries++) {
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      if (libc.sendto(this.#fd, address + DATA_AT, data.length, flags, address, this.#addressLength) >= 0) return 0;
      const error = errno();
      if (error !== EINTR || tries >= 3) return error;
    }
  }

  /** Whether somebody listens there now, without sending anything: 0 or the errno (ENOENT, ECONNREFUSED, EACCES, …). */
  probe(): number {
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno();
    const error = libc.connect(fd, this.#arena.address, this.#addressLength) === 0 ? 0 : errno();
    libc.close(fd);
    return error;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    libc.close(this.#fd);
    this.#arena.release();
  }
}

/** A refusal of the operating system as an exception: for start-up and set-up, never for the packet path. */
import { constants } from "node:os";
import { errno, errorText } from "./libc.ts";

const names = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) if (!names.has(number)) names.set(number, name);
names.set(11, "EAGAIN");

/** `EADDRINUSE` for 98 and so on; `E<number>` when it has no name here. */
export function errorCode(number: number): string {
  return names.get(number) ?? `E${number}`;
}

/** What was tried, on what, and what the system said: `bind 192.0.2.1:2223: Address already in use (EADDRINUSE)`. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** `EADDRINUSE`, `EMFILE`, … */
  readonly code: string;

  /**
   * @param operation what was tried and on what, e.g. `bind 192.0.2.1:2223`
   * @param errno the number the system gave; when left out, that of the call that failed just now on this thread
   */
  constructor(
    readonly operation: string,
    readonly errno: number = currentErrno(),
  ) {
    const code = errorCode(errno);
    super(`${operation}: ${errorText(errno)} (${code})`);
    this.code = code;
  }
}

function currentErrno(): number {
  return errno();
}

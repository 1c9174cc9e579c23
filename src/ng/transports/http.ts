/** ng as the body of an HTTP POST: `/ng` with cookie as over UDP, `/ng-plain` without. Knows no HTTP server. */
import type { Endpoint } from "../../address.ts";
import type { Dispatcher } from "../dispatcher.ts";

export const NG_CONTENT_TYPE = "application/x-rtpengine-ng";
export const JSON_CONTENT_TYPE = "application/json";

/** Content types that belong to each path; any other is answered as if there were no such path. */
export const NG_PATHS = {
  "/ng": [NG_CONTENT_TYPE],
  "/ng-plain": [NG_CONTENT_TYPE, JSON_CONTENT_TYPE],
} as const;
export type NgPath = keyof typeof NG_PATHS;

/** The media type of a `Content-Type` header, without its parameters. */
export function mediaType(header: string | undefined): string {
  return (header ?? "").split(";")[0]!.trim().toLowerCase();
}

/**
 * Carries out a message. Undefined: no reply can be given, since there is no cookie. The bytes are the caller's.
 * @param now Unix time in milliseconds
 */
export function ngOverHttp(
  dispatcher: Dispatcher,
  path: NgPath,
  type: string,
  body: Uint8Array,
  peer: Endpoint,
  now: number,
): Uint8Array | undefined {
  if (path === "/ng") {
    const reply = dispatcher.handle(body, peer, now, Number.POSITIVE_INFINITY);
    return reply && Uint8Array.from(reply);
  }
  return Uint8Array.from(dispatcher.handlePlain(body, peer, type === JSON_CONTENT_TYPE ? "json" : undefined));
}

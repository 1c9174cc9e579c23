/** Who may use the HTTP listener: a bearer token (RFC 6750), checked without telling how much of it was right. */
import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Paths that tell nothing but "alive": load balancers and probes carry no token. The dashboard's page holds no data; it asks
 * its user for the token.
 */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/", "/ping", "/health/live", "/health/ready"]);

export interface Access {
  /** True when the request may go on. `upgrade`: it wants to be a WebSocket, which carries commands whatever its path is. */
  admits(method: string, path: string, authorization: string | undefined, upgrade: boolean): boolean;
}

/** Without a token everybody is admitted. */
export function accessByToken(token: string | undefined): Access {
  if (token === undefined) return { admits: () => true };
  const expected = digest(token);
  return {
    admits(method, path, authorization, upgrade) {
      if (!upgrade && (method === "OPTIONS" || OPEN_PATHS.has(path))) return true;
      const given = /^bearer +(.+?) *$/i.exec(authorization ?? "")?.[1];
      return given !== undefined && timingSafeEqual(digest(given), expected);
    },
  };
}

/** Equal lengths, whatever was sent. */
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

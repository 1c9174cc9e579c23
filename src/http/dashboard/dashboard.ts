/**
 * The page at `/`: markup, style and script of the dashboard in one document that is part of the executable and loads
 * nothing from elsewhere. What it shows it asks of the JSON API, so it needs no rights of its own.
 */
import { createHash } from "node:crypto";
import client from "./client.js" with { type: "text" };
import page from "./page.html" with { type: "text" };
import style from "./style.css" with { type: "text" };

export interface Dashboard {
  /** UTF-8 text. */
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

let made: Dashboard | undefined;

/** Put together at the first request. */
export function dashboard(): Dashboard {
  made ??= {
    // Functions, because `$` in a replacement text would have a meaning of its own.
    html: (page as unknown as string).replace("/*STYLE*/", () => style).replace("/*CLIENT*/", () => client),
    headers: {
      "Cache-Control": "no-cache",
      "Content-Security-Policy": [
        "default-src 'none'",
        `script-src '${hash(client)}'`,
        `style-src '${hash(style)}'`,
        "img-src data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ].join("; "),
      "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff",
    },
  };
  return made;
}

/** CSP Level 3 section 2.3.1: the very text between the tags. */
function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { dashboard } from "../../../src/http/dashboard/dashboard.ts";

const { html, headers } = dashboard();

/** Texts of the elements of this name. */
const inside = (tag: string): string[] =>
  [...html.matchAll(new RegExp(`<${tag}[^>]*>([\\s\\S]*?)</${tag}>`, "g"))].map((match) => match[1]!);

describe("the dashboard's page", () => {
  test("is one small document", () => {
    expect(html.startsWith("<!doctype html>")).toBe(true);
    expect(Buffer.byteLength(html)).toBeLessThan(40_000);
    expect(html).not.toContain("/*STYLE*/");
    expect(html).not.toContain("/*CLIENT*/");
  });

  test("loads nothing from elsewhere", () => {
    expect(html).not.toMatch(/\bsrc=|@import|url\(|<iframe|<object|<embed/);
    const links = [...html.matchAll(/href="([^"]*)"/g)].map((match) => match[1]!);
    for (const link of links) expect(link).toMatch(/^(#|data:image\/svg|metrics$|openapi\.json$)/);
    // The only absolute addresses are names of XML namespaces.
    const absolute = [...html.matchAll(/https?:\/\/[^\s"')]+/g)].map((match) => match[0]);
    for (const address of absolute) expect(address).toStartWith("http://www.w3.org/");
  });

  test("may run its own script and style and nothing else", () => {
    const policy = headers["Content-Security-Policy"]!;
    const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    expect(inside("script")).toHaveLength(1);
    expect(inside("style")).toHaveLength(1);
    expect(policy).toContain(`script-src ${hash(inside("script")[0]!)};`);
    expect(policy).toContain(`style-src ${hash(inside("style")[0]!)};`);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(html).not.toMatch(/ on[a-z]+="| style="/);
  });

  test("sets texts of calls as text, never as markup", () => {
    expect(inside("script")[0]).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/,
    );
  });

  test("has a dark and a light look, table heads with a scope, labels, and a language", () => {
    expect(html).toContain("prefers-color-scheme: dark");
    expect(html).toContain('<html lang="en">');
    for (const cell of html.match(/<th\b[^>]*>/g)!) expect(cell).toContain('scope="col"');
    for (const input of html.match(/<input\b[^>]*>/g)!) {
      const id = /id="(\w+)"/.exec(input)![1];
      expect(html).toContain(`<label for="${id}">`);
    }
  });
});

/** A headless Chromium, steered over its DevTools protocol. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Child } from "./child.ts";
import { settled, within } from "./deadline.ts";
import type { Requirement } from "./requirement.ts";

const PATH = Bun.which("chromium") ?? "/usr/bin/chromium";

export const CHROMIUM: Requirement = {
  missing: () => (existsSync(PATH) ? undefined : "chromium is not installed (Debian package chromium)"),
};

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class Browser {
  /** What the page logged, threw and was refused. */
  readonly complaints: string[] = [];
  /** Addresses that the page asked for. */
  readonly requests: string[] = [];
  #serial = 0;
  #waiting = new Map<number, (message: Message) => void>();

  private constructor(
    private readonly process: Child,
    private readonly socket: WebSocket,
  ) {
    socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(String(data)) as Message));
  }

  /** @param directory for its profile; should be new */
  static async start(directory: string): Promise<Browser> {
    const profile = join(directory, "chromium");
    const process = new Child("chromium", [
      PATH,
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "--window-size=1280,1000",
      "about:blank",
    ]);
    try {
      const file = join(profile, "DevToolsActivePort");
      await settled(
        () => (existsSync(file) && readFileSync(file, "utf8").includes("\n") ? undefined : "no port"),
        20_000,
      );
      const port = readFileSync(file, "utf8").split("\n")[0];
      const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
        type: string;
        webSocketDebuggerUrl: string;
      }[];
      const page = targets.find(({ type }) => type === "page")!;
      const socket = new WebSocket(page.webSocketDebuggerUrl);
      await within(new Promise((resolve) => socket.addEventListener("open", resolve)), 5_000, "the DevTools socket");
      const browser = new Browser(process, socket);
      for (const domain of ["Page", "Runtime", "Log", "Network"]) await browser.command(`${domain}.enable`);
      return browser;
    } catch (error) {
      await process.stop();
      throw error;
    }
  }

  #receive({ id, method, params, ...answer }: Message): void {
    if (id !== undefined) this.#waiting.get(id)?.({ id, ...answer });
    const text = JSON.stringify(params);
    if (method === "Runtime.exceptionThrown" || method === "Log.entryAdded") this.complaints.push(text);
    if (method === "Network.requestWillBeSent") {
      this.requests.push((params as { request: { url: string } }).request.url);
    }
  }

  async command(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#serial;
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await within(answer, 10_000, `Chromium's answer to ${method}`);
    this.#waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  async open(url: string): Promise<void> {
    await this.command("Page.navigate", { url });
  }

  /** The value of an expression, evaluated in the page. */
  async value<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.command("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })) as { result: { value: T }; exceptionDetails?: { text: string; exception?: { description?: string } } };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until the expression is true. */
  async until(expression: string, timeoutMs = 5_000): Promise<void> {
    await settled(
      async () => ((await this.value<boolean>(`Boolean(${expression})`).catch(() => false)) ? undefined : expression),
      timeoutMs,
    );
  }

  async press(key: string): Promise<void> {
    const text = key.length === 1 ? key : key === "Enter" ? "\r" : undefined;
    const codes: Record<string, number> = { Enter: 13, Escape: 27, ArrowUp: 38, ArrowDown: 40, Tab: 9 };
    const common = { key, windowsVirtualKeyCode: codes[key] ?? key.charCodeAt(0), ...(text && { text }) };
    await this.command("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", ...common });
    await this.command("Input.dispatchKeyEvent", { type: "keyUp", ...common });
  }

  async type(text: string): Promise<void> {
    await this.command("Input.insertText", { text });
  }

  /** PNG of the whole page. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.command("Page.captureScreenshot", { captureBeyondViewport: true });
    return Buffer.from(data as string, "base64");
  }

  async scheme(scheme: "dark" | "light"): Promise<void> {
    await this.command("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  }

  async stop(): Promise<void> {
    this.socket.close();
    await this.process.stop();
  }
}

/** Waiting that ends: every wait of a scenario names what it waits for. */

/** @throws Error naming `what` when the promise has not settled after `timeoutMs` milliseconds */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${Math.round(timeoutMs)} ms for ${what}`)),
      Math.max(0, timeoutMs),
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * For states of another process that send no event (a port in /proc, an open file): looks every 10 ms until `look` finds
 * nothing wrong any more. @throws Error with the last complaint
 */
export async function settled(look: () => string | undefined | Promise<string | undefined>, timeoutMs = 2_000) {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const complaint = await look();
    if (complaint === undefined) return;
    if (performance.now() > until) throw new Error(`after ${timeoutMs} ms still: ${complaint}`);
    await Bun.sleep(10);
  }
}

/** A list that grows and can be waited on. */
export class Feed<T> {
  readonly items: T[] = [];
  #wake: (() => void)[] = [];

  push(item: T): void {
    this.items.push(item);
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** First item (from index `from` on) that matches; waits for it when it is not there yet. */
  async first(match: (item: T) => boolean, timeoutMs: number, what: string, from = 0): Promise<T> {
    const until = performance.now() + timeoutMs;
    let at = from;
    for (;;) {
      for (; at < this.items.length; at++) if (match(this.items[at]!)) return this.items[at]!;
      const next = new Promise<void>((resolve) => this.#wake.push(resolve));
      await within(next, until - performance.now(), what);
    }
  }
}

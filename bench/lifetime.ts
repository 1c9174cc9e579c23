/** Everything a benchmark starts is undone in reverse order: at its end, on failure, on Ctrl-C. */
export class Lifetime {
  readonly #undo: (() => void | Promise<void>)[] = [];
  #ending: Promise<void> | undefined;

  constructor() {
    for (const [signal, status] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const)
      process.on(signal, () => void this.end().finally(() => process.exit(status)));
  }

  add(undo: () => void | Promise<void>): void {
    this.#undo.push(undo);
  }

  /** Whether the end has begun: nothing may be started any more, and errors are its consequence. */
  get over(): boolean {
    return this.#ending !== undefined;
  }

  end(): Promise<void> {
    this.#ending ??= this.#run();
    return this.#ending;
  }

  async #run(): Promise<void> {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        console.error(`while stopping: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
}

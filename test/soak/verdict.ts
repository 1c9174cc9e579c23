/** Checks of one long run and their last line. */
export class Verdict {
  #passed = 0;
  #failed = 0;

  check(what: string, holds: boolean, detail: string): void {
    if (holds) this.#passed++;
    else this.#failed++;
    console.log(`${holds ? "ok  " : "FAIL"} ${what}${detail ? `: ${detail}` : ""}`);
  }

  /** Prints the verdict; returns the exit status. */
  conclude(): number {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0 ? 0 : 1;
  }
}

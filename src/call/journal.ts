/** The decisions of a call that somebody may have to explain later: the first and the latest of them. */
import { MAX_JOURNAL_ENTRIES } from "../limits.ts";

export interface JournalEntry {
  /** Unix ms. */
  readonly at: number;
  /** Tag of the party it is about, empty where it is about the call. */
  readonly tag: string;
  /** Index of its section, from 1; 0 = the party as a whole. */
  readonly section: number;
  /** One sentence. */
  readonly text: string;
}

export class Journal {
  #entries: JournalEntry[] | undefined;
  /** Entries left out because there were too many. */
  #dropped = 0;

  get entries(): readonly JournalEntry[] {
    return this.#entries ?? [];
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** The beginning of a call says most about it: of too many entries those in the middle go first. */
  add(entry: JournalEntry): void {
    this.#entries ??= [];
    if (this.#entries.length >= MAX_JOURNAL_ENTRIES) {
      this.#entries.splice(MAX_JOURNAL_ENTRIES >> 1, 1);
      this.#dropped += 1;
    }
    this.#entries.push(entry);
  }
}

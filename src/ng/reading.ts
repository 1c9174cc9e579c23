/** One request being read: the directives so far, the remarks on it, and what may name templates. */
import { Draft } from "./draft.ts";
import type { NgValue } from "./value.ts";

export type NoteKind = "unknown-key" | "unknown-flag" | "unknown-value" | "obsolete" | "not-honoured";

/** A remark for the log; the request goes on. Equal remarks have equal texts. */
export interface Note {
  readonly kind: NoteKind;
  readonly text: string;
}

const NO_NOTES: Note[] = [];

export class Reading {
  readonly draft: Draft;
  readonly command: string;
  readonly templates: ReadonlyMap<string, string>;
  notes: Note[] = NO_NOTES;
  /** Set when the request has to be refused: `error-reason`. */
  error: string | undefined = undefined;
  /** Templates that are being applied, one inside the other. */
  templateDepth = 0;

  constructor(command: string, templates: ReadonlyMap<string, string>) {
    this.command = command;
    this.templates = templates;
    this.draft = new Draft(command);
  }

  note(kind: NoteKind, text: string): void {
    if (this.notes === NO_NOTES) this.notes = [{ kind, text }];
    else this.notes.push({ kind, text });
  }

  /** `list`: what the reference calls it in its warning, e.g. `ICE`. */
  unknownWord(list: string, word: string): void {
    this.note("unknown-value", `Unknown '${list}' flag encountered: '${word}'`);
  }

  badValue(key: string, value: NgValue): void {
    const shown = typeof value === "object" ? "a list or dictionary" : `'${value}'`;
    this.note("unknown-value", `Invalid value for '${key}': ${shown}`);
  }

  notHonoured(what: string): void {
    this.note("not-honoured", `Optional feature '${what}' not supported by this version`);
  }

  obsolete(what: string): void {
    this.note("obsolete", `Ignoring obsolete flag '${what}'`);
  }

  /** Refuses the request; the first reason counts. */
  refuse(reason: string): void {
    this.error ??= reason;
  }
}

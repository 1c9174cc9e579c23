/**
 * What stands between a socket and its media, by slot: SRTP sessions of both directions, the sources that ICE has
 * validated, and how bundled sections are told apart. On the worker's thread alone; changed between batches. Slots without any of it have no entry.
 */
import type { SrtpLibrary } from "../media/srtp/primitives.ts";
import { SrtpSession } from "../media/srtp/session.ts";
import { RECORD } from "./command.ts";
import type { PacketBuffer } from "./forwarder.ts";
import {
  type DecodedBundle,
  type Direction,
  decodeBundle,
  decodeKeys,
  decodeSources,
  keysDirection,
} from "./guard-command.ts";
import { ADDRESS_WORDS, FLAG } from "./layout.ts";
import { sameAddress } from "./source-check.ts";
import { Workspace } from "./workspace.ts";

export class Guard {
  decrypt: SrtpSession | undefined;
  encrypt: SrtpSession | undefined;
  /** Sinks by payload type, and what packets from here are called; undefined: not part of a bundle. */
  bundle: DecodedBundle | undefined;
  #sources: Int32Array = NO_SOURCES;

  constructor(readonly incarnation: number) {}

  /** Whether ICE has validated the sender whose sockaddr starts at a word. */
  knows(from: Int32Array, at: number): boolean {
    const sources = this.#sources;
    for (let i = 0; i < sources.length; i += ADDRESS_WORDS) if (sameAddress(from, at, sources, i)) return true;
    return false;
  }

  validate(sources: Int32Array): void {
    this.#sources = sources;
  }

  end(direction: Direction): void {
    this[direction]?.close();
    this[direction] = undefined;
  }
}

/** Flags that need an entry here. */
const ALL = FLAG.decrypt | FLAG.encrypt | FLAG.validated | FLAG.routed | FLAG.tagged;

const NO_SOURCES = new Int32Array(0);

export class Guards {
  readonly workspace: Workspace;
  readonly #library: SrtpLibrary;
  readonly #arena: { readonly address: number; readonly bytes: Uint8Array };
  /** Dense up to the highest slot that ever had one: slots are handed out from the bottom. */
  readonly #guards: (Guard | undefined)[] = [];

  /** @param buffer where the packets are that will be encrypted and decrypted */
  constructor(library: SrtpLibrary, buffer: PacketBuffer) {
    this.#library = library;
    this.#arena = buffer;
    this.workspace = new Workspace(buffer.workspace);
  }

  at(slot: number): Guard | undefined {
    return slot < this.#guards.length ? this.#guards[slot] : undefined;
  }

  /** Carries a `keys` record out: the session starts anew. */
  setKeys(record: Int32Array): void {
    const guard = this.#guard(record);
    const direction = keysDirection(record);
    guard.end(direction);
    const decoded = decodeKeys(record);
    if (!decoded) return;
    const { scratch, room } = this.workspace;
    guard[direction] = new SrtpSession(decoded.keys, this.#library, this.#arena, scratch, room, decoded.derived);
  }

  /** Carries a `sources` record out. */
  setSources(record: Int32Array): void {
    this.#guard(record).validate(decodeSources(record));
  }

  /** Carries a `bundle` record out. */
  setBundle(record: Int32Array): void {
    this.#guard(record).bundle = decodeBundle(record);
  }

  /** An `apply` with these flags was carried out: what they do not ask for ends. */
  keep(slot: number, incarnation: number, flags: number): void {
    const guard = this.at(slot);
    if (!guard) return;
    const wanted = guard.incarnation === incarnation ? flags : 0;
    if ((wanted & FLAG.decrypt) === 0) guard.end("decrypt");
    if ((wanted & FLAG.encrypt) === 0) guard.end("encrypt");
    if ((wanted & (FLAG.routed | FLAG.tagged)) === 0) guard.bundle = undefined;
    if ((wanted & ALL) === 0) this.#guards[slot] = undefined;
  }

  close(): void {
    for (let slot = 0; slot < this.#guards.length; slot++) this.keep(slot, 0, 0);
  }

  /** The entry of the socket that a record is for, its slot's earlier socket forgotten. */
  #guard(record: Int32Array): Guard {
    const slot = record[RECORD.slot]!;
    const incarnation = record[RECORD.incarnation]!;
    const known = this.at(slot);
    if (known?.incarnation === incarnation) return known;
    if (known) this.keep(slot, incarnation, 0);
    while (this.#guards.length < slot) this.#guards.push(undefined);
    const guard = new Guard(incarnation);
    this.#guards[slot] = guard;
    return guard;
  }
}

/**
 * What each controller (a SIP proxy, by its address) asked for: counters for `statistics` and metrics, and which remarks
 * on its flags were logged already, so that each is logged once and not with every call.
 */
import { MAX_CONTROL_PEERS, MAX_UNKNOWN_FLAGS } from "../limits.ts";
import type { Note } from "./reading.ts";
import type { NgReplyDict } from "./value.ts";
import { COMMANDS, type CommandEntry } from "./vocabulary/commands.ts";

/** The entry of all peers beyond the limit. */
export const OTHER_PEERS = "other";

export class ControlPeer {
  readonly address: string;
  /** By {@link CommandEntry.index}: requests carried out, also failed ones. */
  readonly counts = new Float64Array(COMMANDS.length);
  /** By {@link CommandEntry.index}: processing time in seconds. */
  readonly seconds = new Float64Array(COMMANDS.length);
  errors = 0;
  /** Remarks that did not fit {@link notes}. */
  otherNotes = 0;
  /** Times each remark was due, by kind and text. */
  readonly #notes = new Map<string, number>();

  constructor(address: string) {
    this.address = address;
  }

  count(command: CommandEntry, seconds: number): void {
    this.counts[command.index]! += 1;
    this.seconds[command.index]! += seconds;
  }

  /** Counts a remark; true when it is the first of its text and so to be logged. */
  note(note: Note): boolean {
    const times = this.#notes.get(note.text);
    if (times === undefined && this.#notes.size >= MAX_UNKNOWN_FLAGS) {
      this.otherNotes++;
      return false;
    }
    this.#notes.set(note.text, (times ?? 0) + 1);
    return times === undefined;
  }

  /** Remark texts and how often each was due. */
  get notes(): ReadonlyMap<string, number> {
    return this.#notes;
  }
}

export class ControlPeers {
  readonly #peers = new Map<string, ControlPeer>();

  /** The entry of an address (without port), made when it is new. */
  at(address: string): ControlPeer {
    const known = this.#peers.get(address);
    if (known) return known;
    const name = this.#peers.size < MAX_CONTROL_PEERS - 1 ? address : OTHER_PEERS;
    const peer = this.#peers.get(name) ?? new ControlPeer(name);
    this.#peers.set(name, peer);
    return peer;
  }

  /** In the order of their first request. */
  all(): Iterable<ControlPeer> {
    return this.#peers.values();
  }

  /**
   * `controlstatistics` of the statistics tree: per peer and summed up. Durations are strings with six decimals, since
   * bencode has only integers.
   */
  statistics(): NgReplyDict {
    const totals = new Float64Array(COMMANDS.length);
    const proxies: NgReplyDict[] = [];
    for (const peer of this.#peers.values()) {
      const proxy: Record<string, string | number> = { proxy: peer.address };
      for (const { index, short } of COMMANDS) {
        const name = short.toLowerCase();
        proxy[`${name}count`] = peer.counts[index]!;
        proxy[`${name}duration`] = peer.seconds[index]!.toFixed(6);
        totals[index]! += peer.counts[index]!;
      }
      proxy["errorcount"] = peer.errors;
      proxies.push(proxy);
    }
    const statistics: Record<string, number | NgReplyDict[]> = { proxies };
    for (const { index, short } of COMMANDS) statistics[`total${short.toLowerCase()}count`] = totals[index]!;
    return statistics;
  }
}

/**
 * What an ICE agent decided, for the list of events of a call and for the log.
 */
import type { Endpoint } from "../../address.ts";
import { formatEndpoint } from "../../address.ts";
import type { Component } from "./candidate.ts";

export type IceEventKind =
  /** The peer's credentials were taken; a changed pair of them is a restart by the peer. */
  | "remote-credentials"
  | "bad-credentials"
  /** Candidates were ignored: too many, or not usable. */
  | "candidates-ignored"
  /** A peer-reflexive candidate was learned from a check. */
  | "prflx"
  /** A check of the peer came before its credentials. */
  | "early-check"
  /** A check with a wrong user name or password; told once per set of credentials, counted afterwards. */
  | "wrong-credentials"
  /** The peer refused our check. */
  | "refused"
  | "role-conflict"
  | "pair-valid"
  | "pair-failed"
  | "nominating"
  | "nominated"
  /** Media of a component now goes over another pair. */
  | "selected"
  /** Every component has a pair: media may flow. */
  | "usable"
  | "completed"
  | "failed"
  | "restart"
  | "silent"
  | "heard-again"
  | "consent-lost"
  | "consent-regained"
  | "component-dropped";

export interface IceEvent {
  /** The caller's clock, milliseconds. */
  readonly at: number;
  readonly kind: IceEventKind;
  readonly level: "warning" | "notice" | "info" | "debug";
  /** One sentence for people. */
  readonly text: string;
  readonly component: Component | undefined;
}

/** `local -> remote`, as events name a pair. */
export function pairText(local: Endpoint, remote: Endpoint): string {
  return `${formatEndpoint(local)} -> ${formatEndpoint(remote)}`;
}

/** What the call core needs of the configuration. `src/cli/run.ts` makes it from the loaded settings. */
import type { InterfaceAddress } from "../relay/ports.ts";
import type { LearningMode } from "./directives.ts";

/** A logical interface: its addresses in configured order; the first of a family is used for `c=`. */
export interface LogicalInterface {
  readonly name: string;
  readonly addresses: readonly InterfaceAddress[];
}

export interface InterfaceSet {
  /** In configured order; the first is the default. */
  readonly interfaces: readonly LogicalInterface[];
  /** `ALIAS=NAME`. */
  readonly aliases: ReadonlyMap<string, string>;
}

export interface CallSettings {
  readonly interfaces: InterfaceSet;
  /** Seconds; `finalTimeout` 0 = off. */
  readonly timeout: number;
  readonly silentTimeout: number;
  readonly offerTimeout: number;
  readonly finalTimeout: number;
  readonly deleteDelay: number;
  readonly endpointLearning: LearningMode;
  /** TOS byte of media. */
  readonly tos: number;
  /** Ignore SDP addresses unless `trust-address` is given. */
  readonly sipSource: boolean;
  /** Open ports only on the first address of the wanted family. Matters with ICE. */
  readonly saveInterfacePorts: boolean;
  /** Be the DTLS server towards offerers that leave it to us. */
  readonly dtlsPassive: boolean;
  readonly rejectInvalidSdp: boolean;
  /** -1 = unlimited. */
  readonly maxSessions: number;
  /** CPU in percent, load average, bytes per second; 0 = off. */
  readonly maxCpu: number;
  readonly maxLoad: number;
  readonly maxBandwidth: number;
  readonly ssrcReporting: "full" | "inline" | "global" | "none";
  readonly mohAttrName: string | undefined;
  /** 12 hex digits, fixed per process: `a=rtpengine:` and RTCP CNAME. */
  readonly instanceId: string;
  readonly softwareId: string;
}

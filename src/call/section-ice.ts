/** ICE towards one party's section. */

import type { IceAgent } from "../media/ice/agent.ts";
import type { Candidate } from "../sdp/model.ts";

export interface EarlyCandidate {
  readonly ufrag: string | undefined;
  readonly candidate: Candidate;
}

const NONE: readonly EarlyCandidate[] = [];

export class SectionIce {
  /** Offered by the party or by us, and not refused. */
  on = false;
  /** The party answered without ICE: it is not offered again unless `reset`. */
  refused = false;
  /** We are ICE-lite towards it. */
  lite = false;
  /** The party said that it trickles. */
  trickles = false;
  agent: IceAgent | undefined;
  /** Ids of the sockets that the agent knows. */
  sockets = "";
  /** Candidates that came in fragments before there was an agent to give them to, with the ufrag they belong to. */
  early: readonly EarlyCandidate[] = NONE;
  /** Generation of the call in which the party last restarted ICE. */
  restartedIn = -1;

  forget(): void {
    this.agent = undefined;
    this.sockets = "";
    this.early = NONE;
  }
}

/** Active and standby nodes, and the Redis keyspaces they watch. */
import type { Operator } from "./operator.ts";
import type { Word } from "./tree.ts";

const NO_KEYSPACES = "Keyspace notification feature has not been configured.\n";

export const KEYSPACES: readonly Word<Operator>[] = [
  { word: "ksadd", params: "<uint>", help: "watch a Redis keyspace", needsArgument: true, run: () => NO_KEYSPACES },
  { word: "ksrm", params: "<uint>", help: "watch it no more", needsArgument: true, run: () => NO_KEYSPACES },
  { word: "kslist", help: "the keyspaces being watched", run: () => NO_KEYSPACES },
];

export const OWNERSHIP: readonly Word<Operator>[] = [
  { word: "active", help: "make all calls our own", run: () => "Ok, all calls set to 'owned (active)'\n" },
  {
    word: "standby",
    help: "make all calls another node's",
    // To say Ok here would make a cluster believe that two nodes agree.
    run: () => "Standby is not supported: all calls stay 'owned (active)'\n",
  },
];

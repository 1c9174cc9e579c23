/** The commands of the ng protocol, in the order in which statistics list them. */

/** What this version does with a command: carries it out, or knows its name only. */
export type CommandStatus = "honoured" | "later";

export interface CommandEntry {
  /** Value of the key `command`: case-sensitive, with its spaces. */
  readonly name: string;
  readonly spellings: readonly string[];
  /** Name in statistics tables. */
  readonly short: string;
  readonly status: CommandStatus;
  readonly doc: string;
  /** Place in {@link COMMANDS}. */
  readonly index: number;
}

type Row = readonly [name: string, short: string, status: CommandStatus, doc: string, alias?: string];

const ROWS: readonly Row[] = [
  ["ping", "Ping", "honoured", "liveness"],
  ["offer", "Offer", "honoured", "process an SDP offer"],
  ["answer", "Answer", "honoured", "process an SDP answer"],
  ["delete", "Delete", "honoured", "tear down a call, a branch or a leg"],
  ["query", "Query", "honoured", "details and statistics of a call"],
  ["list", "List", "honoured", "call IDs"],
  ["start recording", "StartRec", "later", "record a call"],
  ["stop recording", "StopRec", "later", "end a recording"],
  ["pause recording", "PauseRec", "later", "pause a recording, file kept open"],
  ["start forwarding", "StartFwd", "later", "forward raw media to the recording daemon's TCP target"],
  ["stop forwarding", "StopFwd", "later", "end that"],
  ["block DTMF", "BlkDTMF", "later", "suppress DTMF events"],
  ["unblock DTMF", "UnblkDTMF", "later", "let DTMF events pass again"],
  ["block media", "BlkMedia", "later", "drop audio packets"],
  ["unblock media", "UnblkMedia", "later", "let audio packets pass again"],
  ["play media", "PlayMedia", "later", "play a file to a party"],
  ["stop media", "StopMedia", "later", "end that"],
  ["play DTMF", "PlayDTMF", "later", "generate a DTMF event"],
  ["statistics", "Stats", "honoured", "statistics tree"],
  ["silence media", "SlnMedia", "later", "replace audio by silence"],
  ["unsilence media", "UnslnMedia", "later", "end that"],
  ["publish", "Pub", "later", "receive-only party as a source for subscribers"],
  ["subscribe request", "SubReq", "later", "make an offer towards a listener"],
  ["subscribe answer", "SubAns", "later", "the listener's answer"],
  ["unsubscribe", "Unsub", "later", "end a subscription"],
  ["inject start", "InjStart", "later", "mix another party's audio into a leg"],
  ["inject stop", "InjStop", "later", "end that"],
  ["connect", "Conn", "later", "connect two existing parties directly"],
  ["cli", "CLI", "honoured", "run a line of the command-line interface", "CLI"],
  ["transform", "Trnsfm", "later", "stand-alone transcoding endpoints"],
  ["create", "Create", "later", "make an offer of our own"],
  ["create answer", "CrtAnsw", "later", "the answer to it"],
  ["mesh", "Mesh", "later", "interconnect several parties"],
];

export const COMMANDS: readonly CommandEntry[] = ROWS.map(([name, short, status, doc, alias], index) => ({
  name,
  spellings: alias === undefined ? [name] : [name, alias],
  short,
  status,
  doc,
  index,
}));

/** Commands by every spelling. */
export const COMMAND_BY_NAME: ReadonlyMap<string, CommandEntry> = new Map(
  COMMANDS.flatMap((entry) => entry.spellings.map((spelling) => [spelling, entry] as const)),
);

/** Commands about single calls: `terminate`, `call`, `debug`. */
import type { CallView, LegView } from "../call/views.ts";
import type { Operator } from "./operator.ts";
import { callData, callText, legText } from "./sessions.ts";
import { execute, find, MORE_PARAMETERS, type Word } from "./tree.ts";

export const TERMINATE: Word<Operator> = {
  word: "terminate",
  params: "<callid> | all | own | foreign",
  help: "end calls at once",
  needsArgument: true,
  run(operator, argument) {
    switch (argument) {
      case "all":
        terminateAll(operator);
        return "All calls terminated by operator.\n";
      case "own":
        terminateAll(operator);
        return "All own calls terminated by operator.\n";
      case "foreign": // there are none
        return "All foreign calls terminated by operator.\n";
      default:
        return operator.terminate(argument)
          ? `\nCall Id (${argument}) successfully terminated by operator.\n\n`
          : `\nCall Id not found (${argument}).\n\n`;
    }
  },
};

function terminateAll(operator: Operator): void {
  for (const { callId } of [...operator.calls()]) operator.terminate(callId);
}

export const DEBUG: Word<Operator> = {
  word: "debug",
  params: "<callid> on | off",
  help: "debug level for one call",
  run(operator, argument) {
    const [callId, flag] = split(argument);
    if (callId === "") return "No call ID specified\n";
    if (!operator.call(callId)) return `Call ID '${callId}' not found\n`;
    return debug(operator, callId, flag);
  },
};

function debug(operator: Operator, callId: string, flag: string): string {
  const on = flag === "" || flag === "on";
  if (!on && flag !== "off") return `Invalid on/off flag ('${flag}') specified\n`;
  if (!operator.debugCall(callId, on)) return "Too many calls are being debugged already\n";
  return `${on ? "Enabled" : "Disabled"} debugging for call '${callId}'\n`;
}

interface CallScope {
  readonly operator: Operator;
  readonly call: CallView;
}

interface LegScope extends CallScope {
  readonly leg: LegView;
}

const OF_A_TAG: readonly Word<LegScope>[] = [
  { word: "info", help: "one party", run: ({ operator, leg }) => legText(leg, operator.now()) },
];

const OF_A_CALL: readonly Word<CallScope>[] = [
  {
    word: "info",
    help: "the call in full",
    run: ({ operator, call }) => callText(call, operator.now()),
    data: ({ call }) => callData(call),
  },
  {
    word: "terminate",
    help: "end the call",
    run({ operator, call }) {
      operator.terminate(call.callId);
      return `\nCall '${call.callId}' terminated.\n\n`;
    },
  },
  {
    word: "debug",
    params: "on | off",
    help: "debug level for this call",
    run: ({ operator, call }, argument) => debug(operator, call.callId, argument),
  },
  {
    word: "tag",
    params: "<tag> info",
    help: "one party",
    run(scope, argument) {
      const [tag, rest] = split(argument);
      if (tag === "") return "No tag specified\n";
      const leg = scope.call.legs.find((each) => each.tag === tag || each.aliases.includes(tag));
      if (!leg) return `No such tag '${tag}'\n`;
      return rest === "" ? MORE_PARAMETERS : execute(OF_A_TAG, { ...scope, leg }, rest);
    },
  },
];

export const CALL: Word<Operator> = {
  word: "call",
  params: "<callid> …",
  help: "one call",
  shown: OF_A_CALL,
  run(operator, argument) {
    const [callId, rest] = split(argument);
    if (callId === "") return "No call ID specified\n";
    const call = operator.call(callId);
    if (!call) return `No such call '${callId}'\n`;
    return rest === "" ? MORE_PARAMETERS : execute(OF_A_CALL, { operator, call }, rest);
  },
  data(operator, argument) {
    const [callId, rest] = split(argument);
    const call = operator.call(callId);
    if (!call) return { error: callId === "" ? "No call ID specified" : `No such call '${callId}'` };
    const found = find(OF_A_CALL, rest);
    return "answer" in found ? undefined : found.word.data?.({ operator, call }, found.argument);
  },
};

/** The first word, and what follows it. */
function split(text: string): [word: string, rest: string] {
  const space = text.indexOf(" ");
  return space < 0 ? [text, ""] : [text.slice(0, space), text.slice(space + 1)];
}

import { type Command, runWithFlags } from "./command.ts";

export const answer: Command = (request) => runWithFlags(request, ["sdp", "callId", "fromTag", "toTag"]);

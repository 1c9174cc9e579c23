import { type Command, runWithFlags } from "./command.ts";

export const offer: Command = (request) => runWithFlags(request, ["sdp", "callId", "fromTag"]);

import { type Command, runWithFlags } from "./command.ts";

export const deleteCall: Command = (request) => runWithFlags(request, ["callId"]);

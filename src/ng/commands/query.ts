import { answerOf, type Command, MISSING, plainDirectives } from "./command.ts";

/** Reads the exact keys only: no other spelling, no flags. The first of equal keys counts. */
export const query: Command = ({ command, dict, execute }) => {
  const callId = dict.string("call-id");
  if (!callId) return { result: "error", reason: MISSING.callId };
  const directives = plainDirectives(command, {
    callId,
    fromTag: dict.string("from-tag"),
    toTag: dict.string("to-tag"),
  });
  return answerOf(execute(directives));
};

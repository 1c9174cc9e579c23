import { asInteger } from "../vocabulary/entry.ts";
import { answerOf, type Command, plainDirectives } from "./command.ts";

/** Call IDs listed where the request does not say how many. */
export const DEFAULT_LIMIT = 32;

/** Reads the exact key `limit` only. */
export const list: Command = ({ command, dict, execute }) => {
  const given = dict.get("limit");
  const limit = given === undefined ? DEFAULT_LIMIT : asInteger(given);
  if (limit === undefined || limit < 0) return { result: "error", reason: "invalid limit, must be >= 0" };
  return answerOf(execute(plainDirectives(command, { limit })));
};

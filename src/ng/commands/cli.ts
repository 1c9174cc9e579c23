import type { Command } from "./command.ts";

/** Runs a line of the operator's command language. */
export const cli: Command = ({ dict, controlLine }) => {
  const line = dict.string("body");
  if (line === undefined) return { result: "error", reason: "No 'body' in message" };
  if (!controlLine) return { result: "error", reason: "unsupported", detail: "there is no command line here" };
  return { result: "ok", body: { response: controlLine(line) } };
};

import type { NgReplyDict, NgReplyValue } from "../value.ts";
import { answerOf, type Command, plainDirectives } from "./command.ts";

/**
 * The statistics tree. The core supplies what it knows under `statistics`; the counters of the control protocol belong
 * between `voip_metrics` and `interfaces` and are put there.
 */
export const statistics: Command = ({ command, execute, controlStatistics }) => {
  const answer = answerOf(execute(plainDirectives(command, {})));
  if (answer.result !== "ok") return answer;
  const { statistics: tree, ...rest } = answer.body;
  return { result: "ok", body: { statistics: withControl(treeOf(tree), controlStatistics()), ...rest } };
};

function treeOf(value: NgReplyValue | undefined): NgReplyDict {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Map) ? (value as NgReplyDict) : {};
}

/** Objects that come after `controlstatistics`. */
const BEHIND: ReadonlySet<string> = new Set([
  "interfaces",
  "transcoders",
  "poller_threads",
  "bufferpools",
  "kernel_pollers",
  "kernel_senders",
]);

function withControl(tree: NgReplyDict, control: NgReplyDict): NgReplyDict {
  const ordered: Record<string, NgReplyValue | undefined> = {};
  for (const key in tree) if (!BEHIND.has(key) && key !== "controlstatistics") ordered[key] = tree[key];
  ordered["controlstatistics"] = control;
  for (const key in tree) if (BEHIND.has(key)) ordered[key] = tree[key];
  return ordered;
}

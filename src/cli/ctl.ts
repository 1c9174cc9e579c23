/**
 * `sluice ctl`: the operator's command line, with rtpengine-ctl's options and words. Exit status: 0 when there was an
 * answer, also to a command that failed, as scripts expect; with `--json` 1 for an error.
 */
import { controlClient, readTarget, TARGET_HELP } from "./control-client.ts";

const HELP = `usage: sluice ctl [OPTIONS] COMMAND …

${TARGET_HELP}  --json                the answer as JSON

Words of other guides: \`query\` and \`statistics\` mean \`list totals\`, \`delete CALLID\` means \`terminate CALLID\`.
`;

/** First words that guides show but no daemon ever knew. */
const ALIASES: Readonly<Record<string, string>> = {
  query: "list totals",
  statistics: "list totals",
  delete: "terminate",
};

export async function ctl(args: readonly string[]): Promise<number> {
  const { target, switches, rest, error } = readTarget(args, ["json", "help", "h"]);
  const wantsHelp = switches.has("help") || switches.has("h");
  if (error !== undefined) {
    process.stderr.write(`sluice ctl: ${error}\n${HELP}`);
    return 2;
  }
  const words = rest.join(" ").trim();
  const client = await controlClient(target);
  try {
    if (wantsHelp || words === "") {
      process.stdout.write(`${HELP}\n`);
      process.stdout.write(Buffer.from(await client.ask("usage"), "latin1"));
      return wantsHelp ? 0 : 1;
    }
    const line = withAlias(words);
    const json = switches.has("json");
    const answer = await client.ask(json ? `json ${line}` : line);
    process.stdout.write(Buffer.from(answer, "latin1"));
    return json && isError(answer) ? 1 : 0;
  } catch (failure) {
    process.stderr.write(`sluice ctl: ${failure instanceof Error ? failure.message : String(failure)}\n`);
    return 1;
  }
}

function withAlias(line: string): string {
  const space = line.indexOf(" ");
  const word = space < 0 ? line : line.slice(0, space);
  const meant = Object.hasOwn(ALIASES, word) ? ALIASES[word] : undefined;
  return meant === undefined ? line : meant + line.slice(word.length);
}

function isError(answer: string): boolean {
  try {
    const value: unknown = JSON.parse(answer);
    return typeof value === "object" && value !== null && "error" in value;
  } catch {
    return true;
  }
}

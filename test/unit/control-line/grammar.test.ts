/** What the command line makes of a line. Texts are what operators' scripts match on. */
import { expect, test } from "bun:test";
import { COMMANDS } from "../../../src/control-line/commands.ts";
import type { Operator } from "../../../src/control-line/operator.ts";
import type { Word } from "../../../src/control-line/tree.ts";
import { Station } from "./station.ts";

test("an empty line, unknown words, groups and commands without what they need", () => {
  const station = new Station();
  const answers: [string, string][] = [
    ["", "Incomplete command: \n"],
    ["foo", "Unknown command: foo\n"],
    ["GET /sessions HTTP/1.1", "Unknown command: GET\n"],
    ["list foo", "Unknown command: foo\n"],
    ["list foo bar", "Unknown command: foo\n"],
    ["list", "More parameters required.\n"],
    ["get", "More parameters required.\n"],
    ["set", "More parameters required.\n"],
    ["params", "More parameters required.\n"],
    ["set maxsessions", "More parameters required.\n"],
    ["terminate", "More parameters required.\n"],
    ["list sessions", "More parameters required.\n"],
    ["ksadd", "More parameters required.\n"],
    // Words are separated by exactly one space.
    ["list  totals", "Unknown command: \n"],
    [" list totals", "Unknown command: \n"],
    // No transcoding in this version, so its groups are not there.
    ["media list files", "Unknown command: media\n"],
  ];
  for (const [line, answer] of answers) expect(station.run(line), JSON.stringify(line)).toBe(answer);
});

test("help names the commands of its level, padded to 50 columns with the tab as one", () => {
  const station = new Station();
  const lines = station.run("help").split("\n");
  expect(lines[0]).toBe("Available sub-commands at this level:");
  expect(lines.slice(1, -1).map((line) => /^\t(\S+)/.exec(line)?.[1])).toEqual(COMMANDS.map(({ word }) => word));
  for (const line of lines.slice(1, -1)) {
    const colon = line.indexOf(": ");
    expect(colon).toBeGreaterThanOrEqual(50);
    if (line.slice(0, colon).trimEnd().length < 50) expect(colon).toBe(50);
  }
  expect(station.run("list help")).toContain("\n\tnumsessions                                      : ");
  expect(station.run("params help")).toContain("\trevert");
});

test("usage prints the whole tree, four spaces a level, an empty line after each command at the top", () => {
  const text = new Station().run("usage");
  expect(text.startsWith("    Supported commands are:\n\n    usage")).toBe(true);
  expect(text).toContain("\n        numsessions                               : ");
  expect(text.endsWith("\n\n")).toBe(true);
  const tops = text.split("\n").filter((line) => /^ {4}\S/.test(line));
  expect(tops).toHaveLength(COMMANDS.length + 1);
});

test("every option of the reference's list and set is there; get is list", () => {
  const words = (name: string) =>
    (COMMANDS.find(({ word }) => word === name) as Word<Operator>).below!.map((w) => w.word);
  expect(words("list")).toEqual(
    (
      "numsessions sessions totals counters maxopenfiles maxsessions maxcpu maxload maxbw timeout silenttimeout " +
      "offertimeout finaltimeout loglevels loglevel redisallowederrors redisdisabletime redisconnecttimeout " +
      "rediscmdtimeout controltos deletedelay interfaces jsonstats transcoders"
    ).split(" "),
  );
  expect(words("get")).toEqual(words("list"));
  expect(words("set")).toEqual(
    (
      "maxopenfiles maxsessions maxcpu maxload maxbw timeout silenttimeout offertimeout finaltimeout loglevel " +
      "redisallowederrors redisdisabletime redisdisable redisconnecttimeout rediscmdtimeout controltos deletedelay"
    ).split(" "),
  );
  expect(COMMANDS.map(({ word }) => word).slice(0, 12)).toEqual(
    "usage list get terminate set params ksadd ksrm kslist active standby debug".split(" "),
  );
});

test("no line whatever makes it throw, and every answer ends its line", () => {
  const station = new Station();
  station.call();
  const words = [
    "list",
    "set",
    "call",
    "call call",
    "tag",
    "A",
    "info",
    "json",
    "params",
    "debug",
    "help",
    "",
    " ",
    "\xff",
    "-1",
    "999999999999999999999",
    "terminate nobody",
    "loglevel",
    "maxcpu",
    "sessions",
    "all",
  ];
  let seed = 4711;
  const next = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed;
  };
  for (let i = 0; i < 20_000; i++) {
    const line = Array.from({ length: 1 + (next() % 5) }, () => words[next() % words.length]).join(" ");
    const answer = station.run(line);
    expect(typeof answer).toBe("string");
    if (answer !== "" && !line.endsWith("jsonstats")) expect(answer.endsWith("\n"), line).toBe(true);
  }
});

test("json gives the answer of another command as data", () => {
  const station = new Station();
  station.call('a"b');
  const data = (line: string): unknown => JSON.parse(station.run(`json ${line}`));
  expect(data("list sessions all")).toMatchObject([{ callId: 'a"b', parties: 2, deleting: false }]);
  expect(data("list maxsessions")).toEqual({ maxsessions: -1 });
  expect(data("list totals")).toMatchObject({ currentstatistics: { sessionsown: 1 } });
  expect(data("set timeout 30")).toEqual({ output: "Success setting timeout to 30" });
  expect(data("nonsense")).toEqual({ error: "Unknown command: nonsense" });
  expect(data("list sessions nobody")).toEqual({ error: "Call ID not found (nobody)" });
  expect(data("json list maxload")).toMatchObject({ output: '{"maxload":0}' });
});

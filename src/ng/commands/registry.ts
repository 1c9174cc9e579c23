import { answer } from "./answer.ts";
import { cli } from "./cli.ts";
import type { Command } from "./command.ts";
import { deleteCall } from "./delete.ts";
import { list } from "./list.ts";
import { offer } from "./offer.ts";
import { ping } from "./ping.ts";
import { query } from "./query.ts";
import { statistics } from "./statistics.ts";

/** What carries out a command, by its canonical name. Commands of the vocabulary that are not here come later. */
export const HANDLERS: ReadonlyMap<string, Command> = new Map([
  ["ping", ping],
  ["offer", offer],
  ["answer", answer],
  ["delete", deleteCall],
  ["query", query],
  ["list", list],
  ["statistics", statistics],
  ["cli", cli],
]);

// Writes docs/configuration.md from the option table, so that the manual cannot say something else than the program.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultText } from "../src/cli/help.ts";
import { GROUPS, OPTION_NAMES, type OptionName, optionNamed } from "../src/config/options.ts";

export const MANUAL_PATH = join(import.meta.dir, "..", "docs", "configuration.md");

const INTRODUCTION = `# Configuration

<!-- Made by tools/option-docs.ts from src/config/options.ts. Do not edit. -->

Every option can stand on the command line and in a file, under the same name. The command line wins over the file, the
file over the default; of an option with several values the whole list is replaced. Without any configuration the daemon
listens for ng on 127.0.0.1:2223 and relays on the host's primary address.

\`sluice check\` reads the configuration as the daemon would, tells what is wrong, where, and what to write instead, and
shows what it all comes to. A wrong value stops the start; a key that is not known is a warning, never silently dropped.

## Command line

GNU style: \`--port-min=30000\`, \`--port-min 30000\`, \`-m 30000\`, \`-m30000\`; switches \`--foreground\`, \`-fE\`; options for
several values are repeated. \`--foreground=no\` switches off what a file switches on.

## sluice.toml

\`/etc/sluice/sluice.toml\`, or any file whose name ends in \`.toml\`. Options stand at the top, lists are arrays:

    listen-ng = ["127.0.0.1:2223", "[::1]:2223"]
    port-min = 30000
    port-max = 39999
    tos = 184

    [interface.pub]
    address = "10.0.0.5"            # an address, a device or a host name; an array for several
    advertised = "203.0.113.10"     # what others see, behind NAT
    port-min = 20000                # a range of its own
    port-max = 29999
    exclude-ports = [20100]

    [interface.priv]
    address = "192.168.1.5"

    [interface.external]
    alias = "pub"

    [templates]                     # flags by name; \`default\` and names of commands apply by themselves
    offer = "replace-origin"

The first interface is the default one. \`[[interface]]\` with \`name = "pub"\` is the same in the order written, also for a
name that occurs twice. The short form works too: \`interface = ["pub/10.0.0.5!203.0.113.10", "priv/192.168.1.5"]\`.

## rtpengine.conf

Any other file name: \`sluice run --config-file=/etc/rtpengine/rtpengine.conf\`. Started under the name \`rtpengine\` this is
the default file. Section \`[rtpengine]\`, or the one \`--config-section\` names; \`key = value\`; lists separated with \`;\`;
comments on lines of their own. More is accepted than rtpengine accepts, with a warning where rtpengine would not start or
would ignore the line: keys in front of the first section, \`yes\`, \`no\`, \`on\`, \`off\`, comments behind numbers, quotes,
\`redis\` without \`/DB\`, \`homer-protocol = 17\`.

## Interfaces

    interface = [NAME/]ADDRESS[!ADVERTISED]
    interface = ALIAS=NAME

| Part | Meaning |
|---|---|
| NAME | what the SIP proxy calls it in \`direction\`; \`default\` when it is missing. Not the name of a device |
| ADDRESS | an address of this host, a device (all its addresses but IPv6 link-local ones), a host name, or \`any\` |
| ADVERTISED | the address others see, behind NAT; an address or a host name of the same family |
| ALIAS | a second name of an interface |

A name that occurs several times is one interface with several addresses: the first of each family is shown in \`c=\`, all
of them are ICE candidates. Interfaces named \`BASE:SUFFIX\` take turns when \`BASE\` is asked for.

In rtpengine.conf \`interfaces-config = intf\` reads sections \`[intf-NAME]\` with the keys of the TOML tables above.

## Addresses of listeners

\`IP:PORT\`, \`[IPv6]:PORT\`, \`HOST:PORT\`, or a bare \`PORT\` for all addresses. Where a text means several addresses the first
one must work, the others may be missing.

## Passwords

The environment variables \`RTPENGINE_REDIS_AUTH_PW\`, \`RTPENGINE_REDIS_WRITE_AUTH_PW\` and
\`RTPENGINE_REDIS_SUBSCRIBE_AUTH_PW\` win over passwords in \`redis\`, \`redis-write\` and \`redis-subscribe\`.

## Signals

| Signal | What happens |
|---|---|
| SIGTERM | New calls are refused with the text that makes SIP proxies try another node, running ones go on, \`/health/ready\` answers 503. The daemon ends with its last call or after \`drain-time\`, at once without calls. A second signal ends it at once. |
| SIGINT | The end at once, for whoever pressed Ctrl-C. |
| SIGHUP | The configuration is read again. Options marked *set* or *reload*, log levels and templates are in force at once; the log says which, and which changes need a restart. A file with an error changes nothing. What an operator has set by hand stays until that option changes in the file. |
| SIGUSR1, SIGUSR2 | One log level less, one more. |

\`drain-time\` is 60 s by default: less than the 90 s after which systemd kills a service that does not stop. Where the unit has
\`Type=notify\` systemd is asked for more time as long as calls are up, so a longer one needs no other unit. rtpengine ends at
once: set 0 where something else moves the calls and must not wait, such as a cluster manager, and a value below the grace
period in containers (docker: 10 s, Kubernetes: 30 s).

Under systemd with \`Type=notify\` or \`Type=notify-reload\` the manager is told when the daemon is ready, reloads, stops, and how
many calls are up; with \`WatchdogSec\` it gets signs of life as long as the main thread and all relay workers run.

## Options

*set*: can be changed while running with this command of the operator's command line. *reload*: SIGHUP takes a change over,
as it does with *set*. **Later**: checked, without effect in
this version. **Ignored**: accepted so that existing files work, for the reason given.
`;

/** The whole manual page, Markdown. */
export function manual(): string {
  const parts = [INTRODUCTION];
  for (const group of GROUPS) {
    const names = OPTION_NAMES.filter((name) => optionNamed(name).group === group);
    parts.push(`### ${group}\n\n| Option | Value | Default | Meaning |\n|---|---|---|---|\n${names.map(row).join("")}`);
  }
  return parts.join("\n");
}

function row(name: OptionName): string {
  const option = optionNamed(name);
  const { type } = option;
  const names = [`\`${name}\``];
  if (option.short !== undefined) names.push(`\`-${option.short}\``);
  const other = (option.aliases ?? []).map((alias) => `\`${alias.name}\``);
  const kind = type.placeholder === undefined ? "switch" : type.form;
  const meaning = [
    option.doc,
    ...(option.commandLineOnly ? ["Command line only."] : []),
    ...(other.length > 0 ? [`Also: ${other.join(", ")}.`] : []),
    ...(option.set === undefined ? [] : [`*set ${option.set}*`]),
    ...(option.reload ? ["*reload*"] : []),
    ...(option.status.state === "later" ? ["**Later.**"] : []),
    ...(option.status.state === "ignored" ? [`**Ignored:** ${option.status.reason}.`] : []),
  ];
  const cells = [names.join(" "), kind, defaultText(option) ?? "", meaning.join(" ")];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
}

if (import.meta.main) {
  writeFileSync(MANUAL_PATH, manual());
  console.log(`wrote ${MANUAL_PATH}`);
}

/**
 * What a second reading of the configuration changes while calls are up. Pure: compares what is in force with what the files
 * say now. Only what differs is taken over, so that what an operator has set by hand since stays until its own line changes.
 */
import type { CallSettings } from "../call/settings.ts";
import type { OptionName, OptionValues } from "../config/options.ts";
import { changedOptions, type Settings } from "../config/settings.ts";
import { SUBSYSTEMS, type Subsystem } from "../observe/vocabulary.ts";

/** The part of the configuration that can be in force without a restart. */
export type InForce = Pick<Settings, "call" | "log" | "templates" | "values">;

/** Options of the call core, which reads them with each request and each tick. */
export const CALL_OPTIONS: Readonly<Partial<Record<OptionName, keyof Settings["call"]>>> = {
  timeout: "timeout",
  "silent-timeout": "silentTimeout",
  "offer-timeout": "offerTimeout",
  "final-timeout": "finalTimeout",
  "delete-delay": "deleteDelay",
  "endpoint-learning": "endpointLearning",
  tos: "tos",
  "sip-source": "sipSource",
  "save-interface-ports": "saveInterfacePorts",
  "dtls-passive": "dtlsPassive",
  "reject-invalid-sdp": "rejectInvalidSdp",
  "max-sessions": "maxSessions",
  "max-cpu": "maxCpu",
  "max-load": "maxLoad",
  "max-bandwidth": "maxBandwidth",
  "ssrc-reporting": "ssrcReporting",
  "moh-attr-name": "mohAttrName",
};

export interface Reload {
  /** Options whose change is in force from now on. `templates`: the table itself. */
  readonly live: readonly OptionName[];
  /** Options whose change waits for a restart; also those of earlier reloads. */
  readonly restart: readonly OptionName[];
  readonly call: Partial<CallSettings>;
  readonly levels: Partial<Record<Subsystem, number>>;
  readonly templates: Settings["templates"] | undefined;
  /** What to compare with next time. */
  readonly inForce: InForce;
}

export function planReload(before: InForce, after: Settings): Reload {
  const changed = changedOptions(before.values, after.values);
  const live = new Set(changed.live);
  const restart = new Set(changed.restart);

  const call: Record<string, unknown> = {};
  for (const name of changed.live) {
    const field = CALL_OPTIONS[name];
    if (field !== undefined) call[field] = after.call[field];
  }
  // Interfaces may have tables of their own, which are no options.
  if (fingerprint(before.call.interfaces) !== fingerprint(after.call.interfaces)) restart.add("interface");

  const levels: Partial<Record<Subsystem, number>> = {};
  for (const subsystem of SUBSYSTEMS) {
    const level = after.log.levels[subsystem];
    if (level !== before.log.levels[subsystem]) levels[subsystem] = level;
  }

  const sameTemplates = fingerprint(before.templates) === fingerprint(after.templates);
  if (!sameTemplates) live.add("templates");

  const values: Record<string, unknown> = { ...before.values };
  for (const name of live) values[name] = after.values[name];
  return {
    live: [...live],
    restart: [...restart],
    call: call as Partial<CallSettings>,
    levels,
    templates: sameTemplates ? undefined : after.templates,
    inForce: {
      call: { ...before.call, ...call } as Settings["call"],
      log: { ...before.log, levels: after.log.levels },
      templates: after.templates,
      values: values as unknown as OptionValues,
    },
  };
}

/** Text that differs when the value does; maps and sets count. */
function fingerprint(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    each instanceof Map || each instanceof Set ? [...(each as Iterable<unknown>)] : each,
  );
}

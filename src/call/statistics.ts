/** The `statistics` tree. One shape, two notations: ng replies have no decimals, JSON has. */
import type { NgReplyValue } from "../ng/value.ts";
import type { InterfaceAddress } from "../relay/ports.ts";
import type { CallState } from "./state.ts";
import type { Context, TrafficTotals } from "./transition.ts";

/** A number that ng replies carry as text. `places`: digits after the point. */
export class Decimal {
  constructor(
    readonly value: number,
    readonly places: number,
  ) {}

  get text(): string {
    return (Number.isFinite(this.value) ? this.value : 0).toFixed(this.places);
  }
}

export type StatisticsValue = string | number | Decimal | readonly StatisticsValue[] | StatisticsTree;
export interface StatisticsTree {
  readonly [key: string]: StatisticsValue;
}

const NOTHING: TrafficTotals = { packets: 0, bytes: 0, errors: 0 };

/**
 * All keys in the order of the reference. `control`: the counters of the control protocol, which the ng room keeps and
 * puts into its replies itself.
 */
export function statisticsTree(state: CallState, context: Context, control?: StatisticsTree): StatisticsTree {
  const totals = context.streams.totals();
  return {
    currentstatistics: current(state),
    totalstatistics: total(state, context, totals.user, totals.kernel),
    mos: pattern("mos"),
    voip_metrics: voipMetrics(),
    ...(control ? { controlstatistics: control } : {}),
    interfaces: interfaces(state),
    transcoders: [],
    poller_threads: [],
    bufferpools: {},
  };
}

function current(state: CallState): StatisticsTree {
  const sessions = state.calls.size;
  const { user, kernel } = state.rates;
  return {
    sessionsown: sessions,
    sessionsforeign: 0,
    sessionstotal: sessions,
    transcodedmedia: 0,
    mediacache: 0,
    playercache: 0,
    packetrate_user: user.packets,
    byterate_user: user.bytes,
    errorrate_user: user.errors,
    packetrate_kernel: kernel.packets,
    byterate_kernel: kernel.bytes,
    errorrate_kernel: kernel.errors,
    packetrate: user.packets + kernel.packets,
    byterate: user.bytes + kernel.bytes,
    errorrate: user.errors + kernel.errors,
    media_userspace: openMedia(state),
    media_kernel: 0,
    media_mixed: 0,
  };
}

/** Sections with ports. */
export function openMedia(state: CallState): number {
  let count = 0;
  for (const call of state.calls.values()) {
    for (const leg of call.legs) for (const section of leg.sections) if (section.ports) count += 1;
  }
  return count;
}

function total(state: CallState, { now }: Context, user: TrafficTotals, kernel: TrafficTotals): StatisticsTree {
  const { ended } = state;
  const { byReason, managed } = ended;
  const average = managed > 0 ? ended.duration / managed : 0;
  const variance = managed > 0 ? Math.max(0, ended.durationSquared / managed - average * average) : 0;
  return {
    uptime: new Decimal(Math.max(0, Math.floor((now - state.startedAt) / 1000)), 0),
    managedsessions: managed,
    rejectedsessions: ended.rejected,
    timeoutsessions: byReason.TIMEOUT,
    silenttimeoutsessions: byReason.SILENT_TIMEOUT,
    finaltimeoutsessions: byReason.FINAL_TIMEOUT,
    offertimeoutsessions: byReason.OFFER_TIMEOUT,
    regularterminatedsessions: byReason.REGULAR,
    forcedterminatedsessions: byReason.FORCED,
    relayedpackets_user: user.packets,
    relayedpacketerrors_user: user.errors,
    relayedbytes_user: user.bytes,
    relayedpackets_kernel: kernel.packets,
    relayedpacketerrors_kernel: kernel.errors,
    relayedbytes_kernel: kernel.bytes,
    relayedpackets: user.packets + kernel.packets,
    relayedpacketerrors: user.errors + kernel.errors,
    relayedbytes: user.bytes + kernel.bytes,
    zerowaystreams: ended.zeroWayStreams,
    onewaystreams: ended.oneWayStreams,
    avgcallduration: seconds(average),
    totalcallsduration: seconds(ended.duration),
    totalcallsduration2: seconds(ended.durationSquared),
    totalcallsduration_stddev: seconds(Math.sqrt(variance)),
  };
}

function voipMetrics(): StatisticsTree {
  return {
    ...pattern("jitter"),
    ...pattern("rtt_e2e"),
    ...pattern("rtt_dsct"),
    ...pattern("packetloss"),
    ...pattern("jitter_measured"),
    packets_lost: 0,
    rtp_duplicates: 0,
    rtp_skips: 0,
    rtp_seq_resets: 0,
    rtp_reordered: 0,
  };
}

function interfaces(state: CallState): StatisticsTree[] {
  const list: StatisticsTree[] = [];
  for (const { name, addresses } of state.settings.interfaces.interfaces) {
    for (const address of addresses) list.push(interfaceTree(state, name, address));
  }
  return list;
}

function interfaceTree(state: CallState, name: string, address: InterfaceAddress): StatisticsTree {
  const { used, totals } = portUsage(state, address);
  return {
    name,
    address: address.local,
    ports: {
      min: address.portMin,
      max: address.portMax,
      used,
      used_pct: new Decimal(totals > 0 ? (used * 100) / totals : 0, 2),
      free: Math.max(0, totals - used),
      totals,
    },
    packets_lost: 0,
    duplicates: 0,
    voip_metrics: {
      ...pattern("mos"),
      ...pattern("jitter"),
      ...pattern("rtt_e2e"),
      ...pattern("rtt_dsct"),
      ...pattern("packetloss"),
      ...pattern("jitter_measured"),
    },
    ingress: { ...NOTHING },
    egress: { ...NOTHING },
  };
}

/** Ports in use on one address, and how many it has. */
export function portUsage(state: CallState, address: InterfaceAddress): { used: number; totals: number } {
  let excluded = 0;
  for (const port of address.excludePorts) if (port >= address.portMin && port <= address.portMax) excluded += 1;
  return {
    used: state.socketsByAddress.get(address.local) ?? 0,
    totals: Math.max(0, address.portMax - address.portMin + 1 - excluded),
  };
}

/** Sum, sum of squares, samples, average and deviation of something that has not been measured yet. */
function pattern(prefix: string): StatisticsTree {
  const zero = seconds(0);
  return {
    [`${prefix}_total`]: zero,
    [`${prefix}2_total`]: zero,
    [`${prefix}_samples_total`]: 0,
    [`${prefix}_average`]: zero,
    [`${prefix}_stddev`]: zero,
  };
}

function seconds(value: number): Decimal {
  return new Decimal(value, 6);
}

/** For ng replies: decimals become strings. */
export function ngForm(value: StatisticsValue): NgReplyValue {
  if (value instanceof Decimal) return value.text;
  if (Array.isArray(value)) return value.map(ngForm);
  if (typeof value !== "object") return value;
  const out: Record<string, NgReplyValue> = {};
  for (const [key, item] of Object.entries(value as StatisticsTree)) out[key] = ngForm(item);
  return out;
}

/** Compact JSON: decimals are numbers with all their places. */
export function jsonForm(value: StatisticsValue): string {
  if (value instanceof Decimal) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonForm).join(",")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const items = Object.entries(value as StatisticsTree).map(
    ([key, item]) => `${JSON.stringify(key)}:${jsonForm(item)}`,
  );
  return `{${items.join(",")}}`;
}

/** Once a second: what was relayed since the last time. */
export function measureRates(state: CallState, context: Context): void {
  const { user, kernel } = context.streams.totals();
  const { lastTotals } = state;
  state.lastTotals = { at: context.now, user, kernel };
  if (!lastTotals) return;
  const elapsed = (context.now - lastTotals.at) / 1000;
  if (elapsed <= 0) return;
  const rate = (now: TrafficTotals, before: TrafficTotals): TrafficTotals => ({
    packets: perSecond(now.packets - before.packets, elapsed),
    bytes: perSecond(now.bytes - before.bytes, elapsed),
    errors: perSecond(now.errors - before.errors, elapsed),
  });
  state.rates = { user: rate(user, lastTotals.user), kernel: rate(kernel, lastTotals.kernel) };
}

function perSecond(amount: number, elapsed: number): number {
  return Math.max(0, Math.round(amount / elapsed));
}

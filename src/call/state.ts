/** Everything the core knows: all calls, and what it counted since start. */
import type { SocketId } from "../planes/plane.ts";
import type { LocalSocket, PortFailure } from "../relay/ports.ts";
import type { Call, MediaSection, Stream } from "./call.ts";
import type { CallSettings } from "./settings.ts";
import { TimerQueue } from "./timer-queue.ts";
import type { Context, EndReason, TrafficTotals } from "./transition.ts";

/** Totals over calls that have ended. */
export interface EndedCalls {
  managed: number;
  rejected: number;
  byReason: Record<EndReason, number>;
  zeroWayStreams: number;
  oneWayStreams: number;
  /** Seconds, and seconds squared at millisecond precision. */
  duration: number;
  durationSquared: number;
}

/** Per second, measured between the last two ticks. */
export interface TrafficRates {
  readonly packets: number;
  readonly bytes: number;
  readonly errors: number;
}

const NO_TRAFFIC: TrafficTotals = { packets: 0, bytes: 0, errors: 0 };

export class CallState {
  readonly calls = new Map<string, Call>();
  /** Which stream a socket of ours serves: plane events name sockets only. */
  readonly streams = new Map<SocketId, Stream>();
  /** Open sockets by local address: interfaces that share one share its ports too. */
  readonly socketsByAddress = new Map<string, number>();
  readonly ended: EndedCalls = {
    managed: 0,
    rejected: 0,
    byReason: {
      REGULAR: 0,
      FORCED: 0,
      TIMEOUT: 0,
      SILENT_TIMEOUT: 0,
      FINAL_TIMEOUT: 0,
      OFFER_TIMEOUT: 0,
      UNKNOWN: 0,
    },
    zeroWayStreams: 0,
    oneWayStreams: 0,
    duration: 0,
    durationSquared: 0,
  };
  /** Sections with something to do at a certain time: ICE checks, retransmissions of handshakes. */
  readonly timers = new TimerQueue<MediaSection>();
  /** Candidates of one address look alike to all peers, and tell nobody which address it is. */
  iceSecret: Uint8Array | undefined;
  /** Why ports were not had, since start. */
  readonly portFailures: Record<PortFailure["kind"], number> = {
    exhausted: 0,
    EADDRNOTAVAIL: 0,
    EADDRINUSE: 0,
    EMFILE: 0,
    EACCES: 0,
    ENOBUFS: 0,
    "table-full": 0,
    other: 0,
  };
  /** Next member to use, by the name that was asked for. */
  readonly rotation = new Map<string, number>();
  rates: { readonly user: TrafficRates; readonly kernel: TrafficRates } = { user: NO_TRAFFIC, kernel: NO_TRAFFIC };
  lastTotals: { readonly at: number; readonly user: TrafficTotals; readonly kernel: TrafficTotals } | undefined;
  private affinities = 0;

  constructor(
    public settings: CallSettings,
    /** Unix ms. */
    readonly startedAt: number,
  ) {}

  /** A number for each new call; calls spread evenly over the workers by it. */
  nextAffinity(): number {
    this.affinities = (this.affinities + 1) % 0x7fff_ffff;
    return this.affinities;
  }

  opened(section: MediaSection, component: "rtp" | "rtcp", socket: LocalSocket, context: Context): Stream {
    const stream: Stream = { section, component, socket, openedAt: context.now };
    this.streams.set(socket.id, stream);
    this.countSocket(socket, 1);
    return stream;
  }

  closed(stream: Stream): void {
    this.streams.delete(stream.socket.id);
    this.countSocket(stream.socket, -1);
  }

  private countSocket({ address }: LocalSocket, change: 1 | -1): void {
    const count = (this.socketsByAddress.get(address.local) ?? 0) + change;
    if (count > 0) this.socketsByAddress.set(address.local, count);
    else this.socketsByAddress.delete(address.local);
  }
}

/**
 * Where things are in the memory that the main thread and the workers share. Host byte order; addresses inside are
 * sockaddr structures as the kernel takes them.
 */

/** Bytes of one slot of the stream table; a multiple of the cache line. */
export const SLOT_BYTES = 768;
/** Strides of a slot in the 32-bit and 64-bit views. */
export const SLOT_WORDS = SLOT_BYTES / 4;
export const SLOT_DOUBLES = SLOT_BYTES / 8;

/** Room for one address, in words. */
export const ADDRESS_WORDS = 8;

/**
 * 32-bit fields of a slot, as word offsets. Written by the worker that serves the slot, read by anyone. What is wider than
 * a word and must be seen whole (the addresses) is guarded by `version`, odd while it is being changed.
 *
 * Fields lie together by when they are touched: with thousands of streams each of a packet's cache lines comes from memory.
 */
export const SLOT = {
  // The first two cache lines, and two more from word 32: what every packet touches.
  /** Number of the open socket this slot stands for, never used twice; 0 = none. */
  incarnation: 0,
  fd: 1,
  /** Bits of {@link FLAG}, from the spec. */
  flags: 2,
  /** Bits of {@link STATE}, the worker's own. */
  state: 3,
  /** Length of the destination address, 0 = nothing can be sent. */
  destinationLength: 4,
  rtpSinkCount: 5,
  ssrc: 6,
  /** -1 = none. */
  payloadType: 7,
  /** Extended highest sequence number (RFC 3550, appendix A.1). */
  highestSequence: 8,
  /** Sequence number that would prove a restart, -1 = none expected. */
  restartSequence: 9,
  /** The last 64 sequence numbers up to the highest, bit 0 = the highest itself. */
  seenLow: 10,
  seenHigh: 11,
  lastTimestamp: 12,
  lost: 13,
  /** Pairs of slot and incarnation. */
  rtpSinks: 14,
  /** Where packets are sent to. */
  destination: 32,
  /** Where packets should come from: signalled, then learned. */
  expected: 40,
  // One byte of these is looked at.
  /** 128 bytes: by payload type, 0 = not negotiated, else 1 + index in the table of clock rates. */
  payloadTypes: 64,
  // What few packets touch.
  /** Sequence number of the last command applied. */
  applied: 96,
  version: 97,
  /** Index into {@link LEARNING_MODES}. */
  learning: 98,
  generation: 99,
  /** Best rank of a source since the last signalling, {@link NO_RANK} = none. */
  bestRank: 100,
  rtcpSinkCount: 101,
  duplicates: 102,
  reordered: 103,
  /** Seconds (of the worker's wall clock) in which such an event was last reported. */
  strictReported: 104,
  payloadReported: 105,
  sendReported: 106,
  receiveReported: 107,
  /** errno of the last packet that could not be sent from this socket. */
  sendErrno: 108,
  /** Index in DROP_REASONS of the last packet dropped. */
  lastDrop: 109,
  rtcpSinks: 112,
  /** From signalling. */
  advertised: 128,
  /** Source of the last packet that did not come from where it was expected. */
  otherSource: 136,
} as const;

/** 64-bit floating point fields of a slot, as double offsets. */
export const SLOT_DOUBLE = {
  /** RTP clock in ticks per millisecond. */
  clock: 15,
  // Beside the addresses: what every packet changes.
  lastPacketAt: 24,
  packetsIn: 25,
  bytesIn: 26,
  packetsOut: 27,
  bytesOut: 28,
  lastSentAt: 29,
  /** In RTP timestamp units. */
  jitter: 30,
  /** Monotonic milliseconds of the packet with `lastTimestamp`. */
  lastArrival: 31,
  // What few packets touch.
  lastDropAt: 55,
  /** Wall clock in milliseconds at which provisional learning ends. */
  learnUntil: 72,
  errorsIn: 73,
  errorsOut: 74,
  handedUp: 75,
  otherSourceAt: 76,
  sendFailedAt: 77,
  /** By index in DROP_REASONS, at most 18. */
  drops: 78,
} as const;

export const FLAG = {
  isRtp: 1 << 0,
  rtcpComponent: 1 << 1,
  rtcpMux: 1 << 2,
  mayLearn: 1 << 3,
  asymmetric: 1 << 4,
  strictSource: 1 << 5,
  mediaHandover: 1 << 6,
  blackhole: 1 << 7,
  drop: 1 << 8,
  natWait: 1 << 9,
  stripFeedback: 1 << 10,
  handUpStun: 1 << 11,
  handUpDtls: 1 << 12,
  /** Payload types are checked against the table. */
  checkPayload: 1 << 13,
  /** The socket is IPv6. */
  ipv6: 1 << 14,
  /** What arrives is SRTP; what leaves becomes SRTP. */
  decrypt: 1 << 15,
  encrypt: 1 << 16,
  /** The same, and the keys are not known yet. */
  awaitDecrypt: 1 << 17,
  awaitEncrypt: 1 << 18,
  /** ICE: only validated sources send media. */
  validated: 1 << 19,
  /** BUNDLE: the payload type decides which sinks get a packet. */
  routed: 1 << 20,
  /** BUNDLE: what arrives has a name (MID) for sinks that want it; what leaves needs one. */
  tagged: 1 << 21,
  wantsMid: 1 << 22,
} as const;

export const STATE = {
  confirmed: 1 << 0,
  hasSsrc: 1 << 1,
  /** `lastTimestamp` and `lastArrival` belong to the current SSRC and clock. */
  hasTimestamp: 1 << 2,
} as const;

export const LEARNING_MODES = ["off", "immediate", "delayed", "heuristic"] as const;
export const LEARN_OFF = 0;
export const LEARN_IMMEDIATE = 1;
export const LEARN_DELAYED = 2;
export const LEARN_HEURISTIC = 3;

/** Worse than every rank of the heuristic, 0-3. */
export const NO_RANK = 4;

/**
 * Control block of one worker, word offsets. Each line of 16 words has one writer, so that threads do not take the cache
 * line from each other without need.
 */
export const CONTROL = {
  // Written by the main thread.
  commandTail: 0,
  handUpHead: 1,
  /** 1 = signal the main thread when removals were carried out. */
  acknowledgementWanted: 2,
  /** 1 = another thread has taken the sockets over: touch nothing any more. */
  revoked: 3,
  // Written by the worker.
  commandHead: 16,
  handUpTail: 17,
  /** Sequence number of the last command carried out. */
  acknowledged: 18,
  /** 1 while the worker may block: whoever adds a command then signals its eventfd. */
  sleeping: 19,
  /** Counts turns of the loop; a worker that does not turn it for seconds is stuck. */
  heartbeat: 20,
  /** Events that found the hand-up ring full; packets are counted per socket as `hand-up-full`. */
  lostEvents: 21,
  receiveErrors: 22,
  /** 1 once the loop has ended and no descriptor is used any more. */
  stopped: 23,
  /** Current gathering time, microseconds. */
  gathering: 24,
  /** The kernel's number of the thread, written once. */
  thread: 25,
  // Written by both.
  /** 1 while the main thread has been signalled and has not yet looked. */
  handUpSignalled: 32,
  words: 64,
} as const;

/** Doubles in the control block, double offsets: the worker's third line. */
export const CONTROL_DOUBLE = {
  packets: 24,
  turns: 25,
  naps: 26,
  bytes: 27,
  /** See estate.ts. */ estate: 64,
} as const;

/** Distinct RTP clock rates: byte values 1-255 of the payload type table stand for them. */
export const MAX_CLOCK_RATES = 255;

/** What a worker has to tell the main thread about single sockets. */

/** Kinds of records in the hand-up ring; 0 fills the end of the ring. */
export const REPORT = {
  filler: 0,
  packet: 1,
  confirmed: 2,
  endpointChanged: 3,
  strictSource: 4,
  unknownPayloadType: 5,
  sendError: 6,
  receiveError: 7,
} as const;

/** Takes reports; implementations copy what they are given and allocate nothing. */
export interface ReportSink {
  /**
   * A packet for the main thread.
   * @param sourceWord index of the sender's sockaddr in `source`
   * @returns false when there is no room
   */
  packet(
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    source: Int32Array,
    sourceWord: number,
  ): boolean;
  /**
   * Something that happened to a socket; counted when there is no room.
   * @param value payload type or errno, else 0
   * @param first,second words of up to two sockaddrs: the source or new endpoint, and what was expected
   */
  event(
    kind: number,
    slot: number,
    value: number,
    first: Int32Array | undefined,
    firstWord: number,
    second: Int32Array | undefined,
    secondWord: number,
  ): void;
}

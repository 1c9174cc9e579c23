/** ClientHello, ServerHello and HelloVerifyRequest (RFC 6347 section 4.2.1, RFC 5246 section 7.4.1). */
import { WireReader } from "./reader.ts";
import { readRecord, readU16, readU24 } from "./record.ts";
import { ALERT, CONTENT, DTLS_1_0, DtlsFault, FRAGMENT, FRAGMENT_HEADER_SIZE, HANDSHAKE } from "./wire.ts";
import { u16List, WireWriter } from "./writer.ts";

export const RANDOM_BYTES = 32;

export type Extensions = ReadonlyMap<number, Uint8Array>;

export interface ClientHello {
  readonly version: number;
  /** 32 bytes. */
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cookie: Uint8Array;
  readonly suites: readonly number[];
  readonly compressions: Uint8Array;
  readonly extensions: Extensions;
}

export interface ServerHello {
  readonly version: number;
  readonly random: Uint8Array;
  readonly suite: number;
  readonly compression: number;
  readonly extensions: Extensions;
}

/** @throws DtlsFault, as do the other readers here */
export function readClientHello(body: Uint8Array): ClientHello {
  const reader = new WireReader(body, "ClientHello");
  const version = reader.u16();
  const random = reader.take(RANDOM_BYTES);
  const sessionId = reader.vector8();
  const cookie = reader.vector8();
  const suiteBytes = new WireReader(reader.vector16(), "list of cipher suites");
  const suites: number[] = [];
  while (suiteBytes.remaining > 0) suites.push(suiteBytes.u16());
  const compressions = reader.vector8();
  return { version, random, sessionId, cookie, suites, compressions, extensions: readExtensions(reader) };
}

export function emitClientHello(hello: ClientHello): Uint8Array {
  const writer = new WireWriter()
    .u16(hello.version)
    .bytes(hello.random)
    .vector8(hello.sessionId)
    .vector8(hello.cookie)
    .vector16(u16List(hello.suites))
    .vector8(hello.compressions);
  return writer.vector16(emitExtensions(hello.extensions)).finish();
}

export function readServerHello(body: Uint8Array): ServerHello {
  const reader = new WireReader(body, "ServerHello");
  const version = reader.u16();
  const random = reader.take(RANDOM_BYTES);
  reader.vector8(); // session id: we never resume
  const suite = reader.u16();
  const compression = reader.u8();
  return { version, random, suite, compression, extensions: readExtensions(reader) };
}

/** With an empty session id: the session cannot be resumed. */
export function emitServerHello(hello: ServerHello): Uint8Array {
  return new WireWriter()
    .u16(hello.version)
    .bytes(hello.random)
    .u8(0)
    .u16(hello.suite)
    .u8(hello.compression)
    .vector16(emitExtensions(hello.extensions))
    .finish();
}

/** The cookie. */
export function readHelloVerifyRequest(body: Uint8Array): Uint8Array {
  const reader = new WireReader(body, "HelloVerifyRequest");
  reader.u16(); // the version is no negotiation (RFC 6347 section 4.2.1)
  const cookie = reader.vector8();
  reader.end();
  return cookie;
}

export function emitHelloVerifyRequest(cookie: Uint8Array): Uint8Array {
  return new WireWriter().u16(DTLS_1_0).vector8(cookie).finish();
}

function readExtensions(reader: WireReader): Extensions {
  const extensions = new Map<number, Uint8Array>();
  if (reader.remaining === 0) return extensions;
  const list = new WireReader(reader.vector16(), "list of extensions");
  reader.end();
  while (list.remaining > 0) {
    const type = list.u16();
    if (extensions.has(type)) throw new DtlsFault(ALERT.illegalParameter, `extension ${type} comes twice`);
    extensions.set(type, list.vector16());
  }
  return extensions;
}

function emitExtensions(extensions: Extensions): Uint8Array {
  const writer = new WireWriter();
  for (const [type, data] of extensions) writer.u16(type).vector16(data);
  return writer.finish();
}

/** What can be told of a ClientHello from its first fragment alone, before anything is stored for its sender. */
export interface HelloGlimpse {
  readonly recordSequence: number;
  readonly messageSequence: number;
  readonly random: Uint8Array;
  readonly cookie: Uint8Array;
}

/**
 * The start of a ClientHello at the head of a datagram; undefined when there is none. Browsers with large key shares send
 * it in several fragments, but version, random, session id and cookie are always in the first.
 */
export function glimpseClientHello(datagram: Uint8Array): HelloGlimpse | undefined {
  const record = readRecord(datagram);
  if (record?.type !== CONTENT.handshake || record.epoch !== 0) return undefined;
  const { fragment } = record;
  if (fragment.length < FRAGMENT_HEADER_SIZE || fragment[FRAGMENT.type] !== HANDSHAKE.clientHello) return undefined;
  if (readU24(fragment, FRAGMENT.offset) !== 0) return undefined;
  const end = FRAGMENT_HEADER_SIZE + readU24(fragment, FRAGMENT.fragmentLength);
  const randomAt = FRAGMENT_HEADER_SIZE + 2;
  const sessionAt = randomAt + RANDOM_BYTES;
  const cookieAt = sessionAt + 1 + (fragment[sessionAt] ?? 0);
  const cookieEnd = cookieAt + 1 + (fragment[cookieAt] ?? 0);
  if (cookieEnd > Math.min(end, fragment.length)) return undefined;
  return {
    recordSequence: record.sequence,
    messageSequence: readU16(fragment, FRAGMENT.sequence),
    random: fragment.subarray(randomAt, sessionAt),
    cookie: fragment.subarray(cookieAt + 1, cookieEnd),
  };
}

/**
 * Values of ng messages, whatever their encoding.
 *
 * Strings are *byte strings*: each character is one byte (0-255, latin1), so any SDP or blob survives untouched and a
 * tag is compared byte by byte. The JSON codec converts from and to UTF-8 at the edge.
 */

/** A decoded dictionary: keys in wire order, duplicates kept (Kamailio sends some keys twice). */
export class NgDict {
  constructor(readonly entries: readonly (readonly [key: string, value: NgValue])[]) {}

  /** The first value with this key, as direct look-ups of the reference see it. */
  get(key: string): NgValue | undefined {
    for (const [name, value] of this.entries) if (name === key) return value;
    return undefined;
  }

  /** The first value with this key when it is a string. */
  string(key: string): string | undefined {
    const value = this.get(key);
    return typeof value === "string" ? value : undefined;
  }
}

/** What a request can hold. Numbers are integers. */
export type NgValue = string | number | readonly NgValue[] | NgDict;

/**
 * What a reply is made of: plain data. Objects have fixed keys known to us; `Map` has keys from outside (tags, SSRCs),
 * whose order an object would not keep. Keys with the value undefined are left out.
 */
export type NgReplyValue = string | number | readonly NgReplyValue[] | NgReplyDict | ReadonlyMap<string, NgReplyValue>;
export interface NgReplyDict {
  readonly [key: string]: NgReplyValue | undefined;
}

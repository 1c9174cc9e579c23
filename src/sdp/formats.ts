/** Operations on the codec list of a section: what one party offers, what the other is shown, what comes back. */
import type { CodecEdits } from "../call/directives.ts";
import type { PayloadFormat } from "./model.ts";

/** `NAME[/clock[/channels[/bitrate[/ptime[/fmtp[/options]]]]]]`; parts not given, or given empty, are undefined. */
export interface CodecSpec {
  /** As written; matching ignores case. */
  readonly name: string;
  /** Hz. */
  readonly clockRate: number | undefined;
  readonly channels: number | undefined;
  /** Bit/s. */
  readonly bitrate: number | undefined;
  /** Milliseconds. */
  readonly ptime: number | undefined;
  readonly fmtp: string | undefined;
  readonly options: string | undefined;
}

/** Parses a codec specification; undefined when the name is missing or a number is none. */
export function parseCodecSpec(text: string): CodecSpec | undefined {
  const [name = "", clockRate, channels, bitrate, ptime, fmtp, ...options] = text.trim().split("/");
  const numbers = [clockRate, channels, bitrate, ptime].map((part) =>
    part === undefined || part === "" ? undefined : Number(part),
  );
  if (name === "" || numbers.some((number) => number !== undefined && !(Number.isSafeInteger(number) && number >= 0))) {
    return undefined;
  }
  return {
    name,
    clockRate: numbers[0],
    channels: numbers[1],
    bitrate: numbers[2],
    ptime: numbers[3],
    fmtp: fmtp || undefined,
    options: options.length > 0 ? options.join("/") : undefined,
  };
}

/** Whether a format is the specified codec: name, and clock rate and channels where specified. */
export function matchesCodec(spec: CodecSpec, format: PayloadFormat): boolean {
  return (
    format.name !== undefined &&
    sameName(spec.name, format.name) &&
    (spec.clockRate === undefined || spec.clockRate === format.clockRate) &&
    (spec.channels === undefined || spec.channels === (format.channels ?? 1))
  );
}

function sameName(one: string, two: string): boolean {
  return one.length === two.length && (one === two || one.toLowerCase() === two.toLowerCase());
}

/** Same name, clock rate and channels: the same medium whatever its number. Nameless formats are like none. */
export function sameEncoding(one: PayloadFormat, two: PayloadFormat): boolean {
  return (
    one.name !== undefined &&
    two.name !== undefined &&
    sameName(one.name, two.name) &&
    one.clockRate === two.clockRate &&
    (one.channels ?? 1) === (two.channels ?? 1)
  );
}

/** Types that accompany a codec and carry no sound or picture of their own: telephone-event, CN, red. */
export function isSupplemental({ name }: PayloadFormat): boolean {
  return name !== undefined && (sameName(name, "telephone-event") || sameName(name, "CN") || sameName(name, "red"));
}

/** First dynamic payload type number (96-127) the list does not use; undefined when all are taken. */
export function freePayloadType(formats: readonly PayloadFormat[]): number | undefined {
  for (let number = 96; number <= 127; number++) {
    if (!formats.some(({ payloadType }) => payloadType === number)) return number;
  }
  return undefined;
}

export interface EditOptions {
  /** `ignore` takes part in answers only, `mask` and `consume` in offers only. */
  readonly phase: "offer" | "answer";
  /** `allow-no-codec-media`: an emptied list stays empty. */
  readonly allowNoCodec: boolean;
}

export interface EditedFormats {
  readonly formats: readonly PayloadFormat[];
  /** No codec was left and so the list came back unchanged: worth a warning. */
  readonly restored: boolean;
}

/**
 * Takes codecs out of a list and puts the wanted ones back.
 *
 * - `strip` removes; `all` and `full` remove everything but `except`. `mask` and `consume` hide from the receiver just so.
 * - `offer` puts codecs of the original list back, in its own order, before the supplemental types.
 * - A supplemental type goes with the last codec of its clock rate, unless `offer` or `except` names it and no other of
 *   its name is left.
 */
export function editFormats(formats: readonly PayloadFormat[], edits: CodecEdits, options: EditOptions): EditedFormats {
  const offering = options.phase === "offer";
  const remove = offering ? [...edits.strip, ...edits.mask, ...edits.consume] : [...edits.strip, ...edits.ignore];
  if (remove.length === 0 || formats.length === 0) return { formats, restored: false };

  const wanted = codecSpecs(edits.offer);
  const excepted = codecSpecs(edits.except);
  let kept: PayloadFormat[];
  if (remove.some(isEverything)) kept = formats.filter((format) => matchesAny(excepted, format));
  else {
    const specs = codecSpecs(remove);
    kept = formats.filter((format) => !matchesAny(specs, format));
  }
  for (const spec of wanted) {
    for (const format of formats) {
      if (kept.includes(format) || !matchesCodec(spec, format)) continue;
      const place = isSupplemental(format) ? -1 : kept.findIndex(isSupplemental);
      if (place < 0) kept.push(format);
      else kept.splice(place, 0, format);
    }
  }
  if (kept.length === formats.length && kept.every((format, i) => format === formats[i])) {
    return { formats, restored: false };
  }
  const named = (format: PayloadFormat) => matchesAny(wanted, format) || matchesAny(excepted, format);
  const result = withoutWidows(formats, kept, named);
  if (result.every(isSupplemental)) {
    if (!options.allowNoCodec) return { formats, restored: true };
    return { formats: [], restored: false };
  }
  return { formats: result, restored: false };
}

function isEverything(word: string): boolean {
  return word === "all" || word === "full";
}

function codecSpecs(words: readonly string[]): CodecSpec[] {
  const specs: CodecSpec[] = [];
  for (const word of words) {
    const spec = parseCodecSpec(word);
    if (spec) specs.push(spec);
  }
  return specs;
}

function matchesAny(specs: readonly CodecSpec[], format: PayloadFormat): boolean {
  return specs.some((spec) => matchesCodec(spec, format));
}

/** Removes supplemental types whose clock rate had a codec before and has none now. */
function withoutWidows(
  before: readonly PayloadFormat[],
  kept: readonly PayloadFormat[],
  named: (format: PayloadFormat) => boolean,
): PayloadFormat[] {
  const isWidow = (format: PayloadFormat) =>
    isSupplemental(format) && hasCodecAt(before, format.clockRate) && !hasCodecAt(kept, format.clockRate);
  return kept.filter((format) => {
    if (!isWidow(format)) return true;
    const sibling = kept.some((other) => sameName(other.name ?? "", format.name ?? "") && !isWidow(other));
    return named(format) && !sibling;
  });
}

function hasCodecAt(formats: readonly PayloadFormat[], clockRate: number | undefined): boolean {
  return formats.some((format) => format.clockRate === clockRate && !isSupplemental(format));
}

export interface AnswerOptions {
  /** `single-codec`: the first codec and its supplemental types only. */
  readonly singleCodec: boolean;
  /** `allow-asymmetric-codecs`: the answer's own numbers and codecs pass. */
  readonly allowAsymmetric: boolean;
}

export interface AnsweredFormats {
  /** For the offerer, in the answerer's order. */
  readonly formats: readonly PayloadFormat[];
  /** Answered but never offered. */
  readonly removed: readonly PayloadFormat[];
  /**
   * Payload type numbers that differ: by the offerer's number, the number the answerer wants to receive. Media towards
   * the answerer have to be renumbered so.
   */
  readonly renumbered: ReadonlyMap<number, number>;
  /** Nothing in the answer had been offered and so it passes unchanged: worth a warning. */
  readonly restored: boolean;
}

const NOT_RENUMBERED: ReadonlyMap<number, number> = new Map();

/**
 * The answerer's codecs in the words of the offer: what was not offered goes, numbers are those of the offer.
 *
 * @param offered what the offerer itself had offered
 */
export function answerFormats(
  offered: readonly PayloadFormat[],
  answered: readonly PayloadFormat[],
  options: AnswerOptions,
): AnsweredFormats {
  const formats: PayloadFormat[] = [];
  const removed: PayloadFormat[] = [];
  let renumbered: Map<number, number> | undefined;
  for (const format of answered) {
    const counterpart = offeredAs(format, offered, answered, formats);
    if (options.allowAsymmetric) {
      formats.push(counterpart && format.name === undefined ? { ...counterpart, ...given(format) } : format);
    } else if (!counterpart) removed.push(format);
    else if (counterpart.payloadType === format.payloadType && format.name !== undefined) formats.push(format);
    else {
      const { payloadType } = counterpart;
      if (payloadType !== format.payloadType) {
        renumbered ??= new Map();
        renumbered.set(payloadType, format.payloadType);
      }
      formats.push({ ...(format.name === undefined ? { ...counterpart, ...given(format) } : format), payloadType });
    }
  }
  const restored = formats.length === 0 && answered.length > 0;
  const list = restored ? answered : formats;
  return {
    formats: options.singleCodec ? firstCodec(list) : list,
    removed,
    renumbered: renumbered ?? NOT_RENUMBERED,
    restored,
  };
}

/** What a format without rtpmap says of itself all the same. */
function given({ fmtp, feedback }: PayloadFormat): Pick<PayloadFormat, "fmtp" | "feedback"> {
  return { fmtp, feedback };
}

/**
 * The offered format an answered one stands for: the same number unless both say it is something else; then the same
 * encoding, first with equal parameters (H.264 is often offered several times), under a number not answered otherwise.
 */
function offeredAs(
  format: PayloadFormat,
  offered: readonly PayloadFormat[],
  answered: readonly PayloadFormat[],
  taken: readonly PayloadFormat[],
): PayloadFormat | undefined {
  for (const one of offered) {
    if (one.payloadType !== format.payloadType) continue;
    if (one.name === undefined || format.name === undefined || sameEncoding(one, format)) return one;
  }
  const candidates = offered.filter(
    (one) =>
      sameEncoding(one, format) &&
      !taken.some(({ payloadType }) => payloadType === one.payloadType) &&
      !answered.some((other) => other.payloadType === one.payloadType && sameEncoding(other, one)),
  );
  return candidates.find(({ fmtp }) => fmtp === format.fmtp) ?? candidates[0];
}

/** The first codec, and the supplemental types of its clock rate, or of any where its own lacks them. */
function firstCodec(formats: readonly PayloadFormat[]): readonly PayloadFormat[] {
  const first = formats.find((format) => !isSupplemental(format));
  if (!first) return formats;
  return formats.filter((format) => {
    if (format === first) return true;
    if (!isSupplemental(format)) return false;
    if (format.clockRate === first.clockRate) return true;
    return !formats.some(
      (other) => other.clockRate === first.clockRate && sameName(other.name ?? "", format.name ?? ""),
    );
  });
}

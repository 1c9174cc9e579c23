/** The port ranges of all interfaces, each once. */
import type { Settings } from "../../config/settings.ts";

export interface MediaRange {
  readonly first: number;
  readonly last: number;
  /** Local addresses with this range. */
  readonly addresses: readonly string[];
}

export function mediaRanges({ call }: Settings): MediaRange[] {
  const found = new Map<string, { first: number; last: number; addresses: string[] }>();
  for (const { addresses } of call.interfaces.interfaces) {
    for (const { local, portMin: first, portMax: last } of addresses) {
      const key = `${first}-${last}`;
      const range = found.get(key) ?? { first, last, addresses: [] };
      found.set(key, range);
      if (!range.addresses.includes(local)) range.addresses.push(local);
    }
  }
  return [...found.values()];
}

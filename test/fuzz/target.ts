/** What `main.ts` runs. */
export interface FuzzTarget {
  readonly name: string;
  /** `random`: numbers from 0 up to but without 1, the only source of randomness. A failure text repeats its input. */
  run(cases: number, random: () => number): { readonly cases: number; readonly failures: string[] };
}

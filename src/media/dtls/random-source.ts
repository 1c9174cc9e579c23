/** Where random bytes come from: the system's source in service, a seeded one in tests. */
export interface RandomSource {
  bytes(count: number): Uint8Array;
}

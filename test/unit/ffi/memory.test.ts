import { describe, expect, test } from "bun:test";
import { mapArena } from "../../../ffi/memory.ts";

describe("arenas", () => {
  test("lie below 2 GiB on x86-64, so that an address is a small integer", () => {
    const arena = mapArena(10);
    if (process.arch === "x64") expect(arena.address).toBeLessThan(0x8000_0000);
    expect(arena.address % 4096).toBe(0);
    expect(arena.bytes).toBe(4096);
    arena.release();
  });

  test("are zero when mapped, also where another arena has been", () => {
    const first = mapArena(8192);
    const stale = new Uint8Array(first.view());
    stale.fill(0xaa);
    first.release();
    first.release();
    const second = mapArena(8192);
    const third = mapArena(8192);
    expect(second.address).toBe(first.address);
    expect(third.address).not.toBe(second.address);
    expect(new Uint8Array(second.view()).every((byte) => byte === 0)).toBe(true);
    expect(stale[0]).toBe(0);
    second.release();
    third.release();
  });

  test("of a big table cost no memory until written", () => {
    const before = process.memoryUsage.rss();
    const table = mapArena(256 << 20);
    const bytes = new Uint8Array(table.view(0, 1 << 20));
    bytes[0] = 1;
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 << 20);
    expect(() => table.view(table.bytes - 4, 8)).toThrow(RangeError);
    table.release();
  });
});

import { expect, test } from "bun:test";
import { MAX_ICE_TRANSACTIONS } from "../../../src/limits.ts";
import { localCandidates } from "../../../src/media/ice/candidate.ts";
import { CandidatePair } from "../../../src/media/ice/pair.ts";
import { Check, Transactions } from "../../../src/media/ice/transaction.ts";
import { Random } from "./network.ts";

const random = new Random(1);
const sockets = [{ id: 1, port: 30_000 }];
const [local] = localCandidates([{ local: "198.51.100.7", advertised: "198.51.100.7", sockets }], random.bytes(4));
const pair = new CandidatePair(local!, { ...local!, learned: false });

function check(now: number, purpose: "check" | "consent" = "check"): Check {
  const details = {
    purpose,
    hmacKey: new Uint8Array(1),
    role: "controlling",
    nominating: false,
    triggered: false,
  } as const;
  return new Check(random.bytes(12), pair, new Uint8Array(20), { ...details, now });
}

test("when too many checks wait for answers, cancelled ones are forgotten first, then the oldest fails", () => {
  const transactions = new Transactions();
  const checks = Array.from({ length: MAX_ICE_TRANSACTIONS }, (_, i) => check(i));
  for (const one of checks) expect(transactions.add(one)).toBeUndefined();
  checks[7]!.cancel(1000);
  expect(transactions.add(check(1000))).toBeUndefined();
  expect(transactions.get(checks[7]!.key)).toBeUndefined();
  expect(transactions.get(checks[0]!.key)).toBe(checks[0]!);
  expect(transactions.add(check(1001))).toBe(checks[0]!);
  expect(transactions.size).toBe(MAX_ICE_TRANSACTIONS);
});

test("a consent check is sent once and remembered for 30 s", () => {
  const consent = check(1000, "consent");
  expect(consent.dueAt).toBe(31_000);
  expect(consent.expire(31_000)).toBe("over");
});

test("a cancelled check is not repeated but recognised for 1.6 s more", () => {
  const one = check(0);
  one.cancel(50);
  expect(one.dueAt).toBe(1650);
  expect(one.expire(1650)).toBe("over");
});

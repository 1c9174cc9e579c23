import { expect, test } from "bun:test";
import { EBADF, libc } from "../../../ffi/libc.ts";
import { errorCode, SystemError } from "../../../ffi/system-error.ts";
import { openUdpSocket } from "../../../ffi/udp-socket.ts";

test("a refusal names operation, subject, the system's words and the code", () => {
  const error = new SystemError("bind 192.0.2.1:2223", 98);
  expect(error.message).toBe("bind 192.0.2.1:2223: Address already in use (EADDRINUSE)");
  expect(error.code).toBe("EADDRINUSE");
  expect(errorCode(11)).toBe("EAGAIN");
  expect(errorCode(9999)).toBe("E9999");
});

test("without a number it is the errno of the call that just failed", () => {
  expect(libc.close(987_654)).toBe(-1);
  expect(new SystemError("close").errno).toBe(EBADF);
});

test("an address this host does not have is told apart from a taken port", () => {
  const options = { tos: 0, receiveBuffer: 0 };
  expect(openUdpSocket({ address: "192.0.2.123", port: 20_000 }, options)).toEqual({
    operation: "bind 192.0.2.123:20000",
    errno: 99,
  });
  const fd = openUdpSocket({ address: "127.0.10.1", port: 20_001 }, options);
  expect(fd).toBeGreaterThan(0);
  expect(openUdpSocket({ address: "127.0.10.1", port: 20_001 }, options)).toEqual({
    operation: "bind 127.0.10.1:20001",
    errno: 98,
  });
  libc.close(fd as number);
});

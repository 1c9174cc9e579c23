/** What the checks may ask of the host. Tests answer in its place. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { type ClockState, readClock } from "../../ffi/clock.ts";
import { probeIoUring } from "../../ffi/io-uring.ts";
import { openPacketTap, type PacketTap } from "../../ffi/packet-tap.ts";
import { openFilesLimit } from "../../ffi/resource-limits.ts";
import { SystemError } from "../../ffi/system-error.ts";
import { closeSocket, openUdpSocket } from "../../ffi/udp-socket.ts";
import { canonicalAddress, type Endpoint } from "../address.ts";

/** Text, or why there is none; `absent`: there is no such file. */
export type Text = { readonly text: string } | { readonly absent: boolean; readonly reason: string };

export type Ran =
  | { readonly status: number; readonly stdout: string; readonly stderr: string }
  /** It could not be started. */
  | { readonly reason: string };

export interface System {
  readFile(path: string): Text;
  /** Names in a folder; undefined when it cannot be read. */
  listFolder(path: string): readonly string[] | undefined;
  readLink(path: string): string | undefined;
  /** Runs a program without a shell, for at most 5 s. */
  run(command: readonly string[]): Ran;
  /** Opens a UDP socket for a moment. The system's words when it refuses. */
  tryBind(local: Endpoint): { readonly code: string; readonly message: string } | undefined;
  /** Own addresses by device, canonical. */
  devices(): ReadonlyMap<string, readonly string[]>;
  openFiles(): { readonly soft: number | "infinite"; readonly hard: number | "infinite" } | undefined;
  ioUring(): { readonly state: "yes" | "no"; readonly reason: string };
  clock(): ClockState | undefined;
  /** Packets for a UDP port as the network devices see them, before any firewall; or why they cannot be seen. */
  tap(port: number): PacketTap | { readonly reason: string };
  /** Asks an ng listener. True when it answered. */
  ping(endpoint: Endpoint): Promise<boolean>;
  sleep(milliseconds: number): Promise<void>;
}

/** Longest run of a program, milliseconds; its largest output, bytes. */
const RUN_LIMIT = 5_000;
const OUTPUT_LIMIT = 32 << 20;

export function hostSystem(ping: System["ping"]): System {
  return {
    readFile(path) {
      try {
        return { text: readFileSync(path, "latin1") };
      } catch (error) {
        const code = codeOf(error);
        const absent = code === "ENOENT" || code === "ENOTDIR";
        return { absent, reason: absent ? `${path} does not exist` : `${path} cannot be read (${code})` };
      }
    },
    listFolder(path) {
      try {
        return readdirSync(path);
      } catch {
        return undefined;
      }
    },
    readLink(path) {
      try {
        return readlinkSync(path);
      } catch {
        return undefined;
      }
    },
    run(command) {
      const program = findProgram(command[0]!);
      if (program === undefined) return { reason: `${command[0]} is not installed` };
      try {
        const { exitCode, stdout, stderr } = Bun.spawnSync([program, ...command.slice(1)], {
          stdin: "ignore",
          timeout: RUN_LIMIT,
          maxBuffer: OUTPUT_LIMIT,
        });
        return { status: exitCode, stdout: stdout.toString("latin1"), stderr: stderr.toString("latin1") };
      } catch (error) {
        return { reason: `${program} cannot be run (${codeOf(error)})` };
      }
    },
    tryBind(local) {
      const opened = openUdpSocket(local, { tos: 0, receiveBuffer: 0 });
      if (typeof opened === "number") {
        closeSocket(opened);
        return undefined;
      }
      const { code, message } = new SystemError(opened.operation, opened.errno);
      return { code, message };
    },
    devices() {
      return new Map(
        Object.entries(networkInterfaces()).map(([name, addresses]) => [
          name,
          (addresses ?? []).flatMap(({ address }) => canonicalAddress(address.replace(/%.*$/, "")) ?? []),
        ]),
      );
    },
    openFiles: openFilesLimit,
    ioUring: probeIoUring,
    clock: readClock,
    tap(port) {
      try {
        return openPacketTap(port);
      } catch (error) {
        return { reason: error instanceof Error ? error.message : String(error) };
      }
    },
    ping,
    sleep: (milliseconds) => Bun.sleep(milliseconds),
  };
}

/** Administrators' tools are not in everybody's PATH. */
function findProgram(name: string): string | undefined {
  return Bun.which(name) ?? Bun.which(name, { PATH: "/usr/sbin:/sbin:/usr/local/sbin" }) ?? undefined;
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error);
}

/** A number from a file of /proc or /sys, undefined when there is none. */
export function readNumber(system: System, path: string): number | undefined {
  const read = system.readFile(path);
  if (!("text" in read)) return undefined;
  const value = Number(read.text.trim());
  return Number.isFinite(value) && read.text.trim() !== "" ? value : undefined;
}

/**
 * The client of a running daemon's command line, over its TCP listener or over HTTP. Found as `rtpengine-ctl` finds it: the
 * arguments, else the configuration file, else 127.0.0.1:9900.
 */
import { type Endpoint, formatEndpoint, isZeroAddress } from "../address.ts";
import { DEFAULT_FILES, type Settings } from "../config/settings.ts";
import { readConfiguration } from "./arguments.ts";

/** Longest silence of the daemon, milliseconds; as in rtpengine-ctl. */
const SILENCE = 3_000;
const DEFAULT: Endpoint = { address: "127.0.0.1", port: 9_900 };

export interface ControlClient {
  /** For messages: `127.0.0.1:9900`, or the URL. */
  readonly where: string;
  /** The answer, a byte string. @throws Error with a sentence */
  ask(line: string): Promise<string>;
}

/** Where to find the daemon, as the arguments say; all optional. */
export interface ControlTarget {
  readonly ip?: string | undefined;
  readonly port?: number | undefined;
  readonly configFile?: string | undefined;
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

/** Options that name the target, in front of the command. */
export const TARGET_HELP = `  --ip ADDRESS[:PORT]   where listen-cli is; default: as configured, else ${formatEndpoint(DEFAULT)}
  --port PORT
  --config-file FILE    the daemon's configuration
  --url URL             use listen-http instead, e.g. http://127.0.0.1:9101
  --token TOKEN         its http-token; better in the environment variable SLUICE_HTTP_TOKEN
`;

/** Options of `sluice ctl` and `sluice top` that have a value, and what they set. */
const WITH_VALUE: Readonly<Record<string, keyof ControlTarget>> = {
  ip: "ip",
  port: "port",
  "config-file": "configFile",
  url: "url",
  token: "token",
};

export interface TargetArguments {
  readonly target: ControlTarget;
  /** Options without value. */
  readonly switches: ReadonlySet<string>;
  /** From the first word that is no option on. */
  readonly rest: readonly string[];
  readonly error?: string;
}

/** Reads options in front of the first word. One dash is as good as two, and `--name=value` as `--name value`. */
export function readTarget(args: readonly string[], switches: readonly string[]): TargetArguments {
  const target: { -readonly [K in keyof ControlTarget]: ControlTarget[K] } = {};
  const seen = new Set<string>();
  for (let i = 0; i < args.length; i++) {
    const match = /^--?([a-z][a-z-]*)(?:=(.*))?$/s.exec(args[i]!);
    if (!match) return { target, switches: seen, rest: args.slice(i) };
    const [, name = "", inline] = match;
    if (switches.includes(name) && inline === undefined) {
      seen.add(name);
      continue;
    }
    const field = WITH_VALUE[name];
    if (!field) return { target, switches: seen, rest: [], error: `unknown option '${args[i]}'` };
    const value = inline ?? args[++i];
    if (value === undefined || value === "")
      return { target, switches: seen, rest: [], error: `--${name} needs a value` };
    if (field === "port") {
      const port = Number(value);
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        return { target, switches: seen, rest: [], error: `--port must be 1 to 65535, not '${value}'` };
      }
      target.port = port;
    } else target[field] = value;
  }
  return { target, switches: seen, rest: [] };
}

/** Never fails: what cannot be reached shows with the first question. */
export async function controlClient(target: ControlTarget): Promise<ControlClient> {
  const token = target.token ?? process.env["SLUICE_HTTP_TOKEN"];
  if (target.url !== undefined) return httpClient(target.url, token);
  if (target.ip !== undefined) return tcpClient(endpointOf(target.ip, target.port));
  const settings = await configured(target.configFile);
  const cli = settings?.listen.cli[0];
  const http = settings?.listen.http[0];
  if (!cli && http && target.port === undefined) {
    return httpClient(`http://${formatEndpoint(reachable(http))}`, token ?? settings?.http.token);
  }
  const found = cli ? reachable(cli) : DEFAULT;
  return tcpClient(target.port === undefined ? found : { ...found, port: target.port });
}

/** What the named file says; without one our own default file, else rtpengine's. */
async function configured(file: string | undefined): Promise<Settings | undefined> {
  if (file !== undefined) return (await readConfiguration([`--config-file=${file}`])).settings;
  const { settings } = await readConfiguration([]);
  if (settings?.file !== undefined) return settings;
  return (await readConfiguration([`--config-file=${DEFAULT_FILES.rtpengine}`])).settings;
}

/** `ADDRESS`, `ADDRESS:PORT`, `[IPv6]:PORT`. */
function endpointOf(text: string, port: number | undefined): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::([0-9]+))?$/.exec(text);
  if (!match) return { address: text, port: port ?? DEFAULT.port }; // a bare IPv6 address
  const [, v6, v4, own] = match;
  return { address: v6 ?? v4 ?? "", port: port ?? (own === undefined ? DEFAULT.port : Number(own)) };
}

/** A wildcard listener is reached over loopback. */
function reachable({ address, port }: Endpoint): Endpoint {
  if (!isZeroAddress(address)) return { address, port };
  return { address: address.includes(":") ? "::1" : "127.0.0.1", port };
}

function tcpClient(endpoint: Endpoint): ControlClient {
  const where = formatEndpoint(endpoint);
  return {
    where,
    async ask(line) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const pieces: Buffer[] = [];
      let timer: ReturnType<typeof setTimeout> | undefined;
      const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => reject(new Error(`${where} does not answer`)), SILENCE);
      };
      alive();
      const connection = Bun.connect({
        hostname: endpoint.address,
        port: endpoint.port,
        socket: {
          binaryType: "buffer",
          open: (socket) => void socket.write(Buffer.from(`${line}\n`)),
          data(_socket, bytes) {
            pieces.push(Buffer.from(bytes));
            alive();
          },
          close: () => resolve(Buffer.concat(pieces).latin1Slice()),
          connectError: (_socket, error) => reject(new Error(`Cannot connect to ${where}: ${error.message}`)),
          error: (_socket, error) => reject(new Error(`${where}: ${error.message}`)),
        },
      });
      connection.catch((error: unknown) => {
        reject(new Error(`Cannot connect to ${where}: ${error instanceof Error ? error.message : String(error)}`));
      });
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        connection.then((socket) => socket.end()).catch(() => {});
      }
    },
  };
}

function httpClient(url: string, token: string | undefined): ControlClient {
  const where = url.replace(/\/+$/, "");
  return {
    where,
    async ask(line) {
      let response: Response;
      try {
        response = await fetch(`${where}/cli`, {
          method: "POST",
          body: line,
          headers: { "Content-Type": "text/plain", ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
          signal: AbortSignal.timeout(SILENCE),
        });
      } catch (error) {
        throw new Error(`Cannot reach ${where}: ${error instanceof Error ? error.message : String(error)}`);
      }
      if (response.status === 401) throw new Error(`${where} wants a token: --token, or SLUICE_HTTP_TOKEN`);
      if (!response.ok) throw new Error(`${where}/cli answers ${response.status}: is this sluice's listen-http?`);
      return Buffer.from(await response.arrayBuffer()).latin1Slice();
    },
  };
}

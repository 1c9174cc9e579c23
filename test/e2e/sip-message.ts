/** SIP messages as sipp's trace shows them, and of SDP the little that far ends need. Text is latin1. */
import type { Endpoint } from "../../src/address.ts";

export interface SipMessage {
  readonly direction: "sent" | "received";
  readonly startLine: string;
  /** Method of a request; of a response the method in CSeq. */
  readonly method: string;
  /** Undefined in a request. */
  readonly status: number | undefined;
  readonly callId: string;
  /** Header lines as they came, without start line. */
  readonly headers: readonly string[];
  readonly body: string;
}

export function header(message: SipMessage, name: string): string | undefined {
  const prefix = `${name.toLowerCase()}:`;
  const line = message.headers.find((candidate) => candidate.toLowerCase().startsWith(prefix));
  return line?.slice(prefix.length).trim();
}

export function parseSip(text: string, direction: SipMessage["direction"]): SipMessage {
  const gap = text.indexOf("\r\n\r\n");
  const [startLine = "", ...headers] = (gap < 0 ? text : text.slice(0, gap)).split("\r\n");
  const status = /^SIP\/2\.0 (\d{3})/.exec(startLine)?.[1];
  const message = {
    direction,
    startLine,
    method: "",
    status: status === undefined ? undefined : Number(status),
    callId: "",
    headers,
    body: gap < 0 ? "" : text.slice(gap + 4),
  };
  return {
    ...message,
    callId: header(message, "Call-ID") ?? "",
    method: status === undefined ? startLine.split(" ")[0]! : (header(message, "CSeq")?.split(" ")[1] ?? ""),
  };
}

/** One m= section as a far end reads it. */
export interface SdpSection {
  readonly kind: string;
  readonly rtp: Endpoint;
  readonly rtcp: Endpoint;
  readonly direction: string;
  readonly lines: readonly string[];
}

const DIRECTIONS = ["sendrecv", "sendonly", "recvonly", "inactive"];

/** @throws Error when a section has no address or no port: a far end could not send anything */
export function sdpSections(sdp: string): SdpSection[] {
  const [session = [], ...sections] = sdp
    .split(/\r?\n/)
    .filter(Boolean)
    .reduce<string[][]>((blocks, line) => {
      if (!blocks.length || line.startsWith("m=")) blocks.push([line]);
      else blocks[blocks.length - 1]!.push(line);
      return blocks;
    }, []);
  return sections.map((lines) => {
    const connection = [...lines, ...session].find((line) => line.startsWith("c="));
    const address = /^c=IN IP[46] ([^\s/]+)/.exec(connection ?? "")?.[1];
    const [kind = "", portText = ""] = lines[0]!.slice(2).split(" ");
    if (address === undefined || !/^\d+$/.test(portText)) throw new Error(`no media address in:\n${sdp}`);
    const port = Number(portText);
    const rtcpPort = lines.map((line) => /^a=rtcp:(\d+)/.exec(line)?.[1]).find(Boolean);
    const direction = [...lines, ...session].map((line) => line.slice(2)).find((value) => DIRECTIONS.includes(value));
    return {
      kind,
      rtp: { address, port },
      rtcp: { address, port: rtcpPort === undefined ? port + 1 : Number(rtcpPort) },
      direction: direction ?? "sendrecv",
      lines,
    };
  });
}

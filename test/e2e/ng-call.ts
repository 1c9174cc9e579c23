/** ng requests of a call, spoken directly: what a proxy would send, without the proxy. */
import type { NgClient, NgDictionary, NgValue } from "./ng-client.ts";

/** One PCMA section. Nobody listens on the default address. */
export function plainSdp(port = 4_000, address = "127.77.0.1"): string {
  return `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;
}

export class NgCall {
  constructor(
    readonly ng: NgClient,
    readonly callId: string,
    readonly fromTag = "from-a",
    readonly toTag = "to-b",
  ) {}

  async offer(more: NgDictionary = {}): Promise<NgDictionary> {
    return await this.ng.request({ ...this.offerBody(), ...more });
  }

  offerBody(): Record<string, NgValue> {
    return {
      supports: ["load limit"],
      sdp: plainSdp(4_000),
      "call-id": this.callId,
      "from-tag": this.fromTag,
      command: "offer",
    };
  }

  async answer(more: NgDictionary = {}): Promise<NgDictionary> {
    return await this.ng.request({
      sdp: plainSdp(4_002),
      "call-id": this.callId,
      "from-tag": this.fromTag,
      "to-tag": this.toTag,
      command: "answer",
      ...more,
    });
  }

  /** The entire call, whichever tags it has by now. */
  async deleteAll(): Promise<NgDictionary> {
    return await this.ng.request({ "call-id": this.callId, command: "delete" });
  }

  /** As a BYE of the caller does it. */
  async delete(more: NgDictionary = {}): Promise<NgDictionary> {
    return await this.ng.request({ "call-id": this.callId, "from-tag": this.fromTag, command: "delete", ...more });
  }
}

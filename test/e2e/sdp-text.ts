/** SDP bodies for sipp scenarios. `[fieldN]` is filled in by sipp from the row of the call. */

/** One audio section at [field0]:[field1]; `family` is that of the address. */
export function audioSdp(user: string, options: { family?: 4 | 6; direction?: string; version?: number } = {}): string {
  const family = options.family ?? 4;
  return [
    "v=0",
    `o=${user} 3405691582 ${options.version ?? 1} IN IP${family} [field0]`,
    "s=-",
    `c=IN IP${family} [field0]`,
    "t=0 0",
    "m=audio [field1] RTP/AVP 8 101",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
    "a=ptime:20",
    `a=${options.direction ?? "sendrecv"}`,
    "",
  ].join("\n");
}

/** Audio at [field0]:[field1] and video at [field0]:[field2]. */
export function audioVideoSdp(user: string): string {
  return [
    audioSdp(user).trimEnd(),
    "m=video [field2] RTP/AVP 96",
    "a=rtpmap:96 H264/90000",
    "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1",
    "a=sendrecv",
    "",
  ].join("\n");
}

/**
 * Keys that guides and forum posts tell people to write although no such option exists, with what to write instead. The
 * peer daemon ignores them without a word.
 */

export interface Mistake {
  readonly reason: string;
  /** Options to write instead; none where nothing takes its place. */
  readonly write: readonly (readonly [name: string, value: string])[];
}

export function mistakeFor(key: string, value: string): Mistake | undefined {
  switch (key.replaceAll("_", "-").toLowerCase()) {
    case "prometheus":
    case "metrics":
      return {
        reason: "there is no such option: metrics are served as `GET /metrics` by the HTTP listener",
        write: [["listen-http", "127.0.0.1:9101"]],
      };
    case "tls-certificate":
    case "tls-private-key":
    case "dtls-certificate":
    case "dtls-private-key": {
      const name = key.includes("key") ? "https-key" : "https-cert";
      return {
        reason: `there is no such option: DTLS certificates are made at start and need no file; for HTTPS it is ${name}`,
        write: [],
      };
    }
    case "homer-ng":
      return {
        reason: "there is no such option: ng messages go to the collector named by `homer`",
        write: [
          ["homer", value.replace(/^(udp|tcp):(\/\/)?/i, "") || "127.0.0.1:9060"],
          ["homer-enable-ng", "true"],
        ],
      };
    case "codec-except":
    case "codec-strip":
    case "codec-mask":
    case "codec-transcode":
      return {
        reason: `there is no such option: codecs are chosen per call, with the flag \`${key}-CODEC\` of the SIP proxy or a template`,
        write: [],
      };
    case "listen":
    case "ng-listen":
    case "control":
      return { reason: "there is no such option", write: [["listen-ng", value || "127.0.0.1:2223"]] };
    case "cli-listen":
      return { reason: "there is no such option", write: [["listen-cli", value || "127.0.0.1:9900"]] };
    case "ports":
    case "port-range":
    case "rtp-ports": {
      const range = /^([0-9]+)\s*[-:,]\s*([0-9]+)$/.exec(value);
      return {
        reason: "there is no such option: the range has an option for each end",
        write: [
          ["port-min", range?.[1] ?? "30000"],
          ["port-max", range?.[2] ?? "39999"],
        ],
      };
    }
    default:
      return undefined;
  }
}

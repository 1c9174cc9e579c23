/** Description of the HTTP API (OpenAPI 3.1), served at `/openapi.json`. A test holds it against the real answers. */
import type { Json } from "../control-line/tree.ts";

type Schema = { readonly [key: string]: Json };

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const string = (description?: string): Schema => ({ type: "string", ...(description && { description }) });
const number = (description?: string): Schema => ({ type: "number", ...(description && { description }) });
const integer = (description?: string): Schema => ({ type: "integer", ...(description && { description }) });
const boolean: Schema = { type: "boolean" };
const list = (items: Schema): Schema => ({ type: "array", items });
const object = (properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const answer = (description: string, type: string, schema: Schema): Schema => ({
  description,
  content: { [type]: { schema } },
});
const JSON_TYPE = "application/json";
const TEXT = "text/plain";
const NG = "application/x-rtpengine-ng";
const ok = (description: string, schema: Schema): Schema => ({ "200": answer(description, JSON_TYPE, schema) });
const get = (summary: string, responses: Schema, parameters: readonly Schema[] = []): Schema => ({
  get: { summary, responses, ...(parameters.length > 0 && { parameters }) },
});

const traffic = object({ packets: integer(), bytes: integer(), errors: integer() });
const relation = object({ tag: string(), index: integer("media section, from 1") });
const seconds = "Unix seconds with fraction";

const schemas: Readonly<Record<string, Schema>> = {
  Health: object({ status: string(), reasons: list(string()) }, ["reasons"]),
  Error: object({ error: string() }),
  Session: object(
    {
      callId: string(),
      created: number(seconds),
      createdBy: string("controller, address:port"),
      lastSignal: number(seconds),
      deleting: boolean,
      parties: integer(),
      metadata: string(),
    },
    ["metadata"],
  ),
  Sessions: object({ total: integer("calls in all"), offset: integer(), sessions: list(ref("Session")) }),
  SessionDetail: {
    allOf: [ref("Session"), object({ tos: integer(), legs: list(ref("Leg")), timeline: list(ref("Event")) })],
  },
  Event: object({
    at: number(seconds),
    tag: string("party, empty where it is about the call"),
    section: integer("its media section, from 1; 0 = the party as a whole"),
    text: string("one sentence"),
  }),
  Verdict: object({
    cause: string("one word"),
    state: { type: "string", enum: ["ok", "expected", "waiting", "fault"] },
    finding: string("why the party is heard, or is not"),
    fix: string("what to do about it; empty where there is nothing to do"),
  }),
  Leg: object({
    tag: string(),
    role: { type: "string", enum: ["FROM_TAG", "TO_TAG", "UNKNOWN"] },
    label: string(),
    viaBranch: string(),
    aliases: list(string()),
    created: number(seconds),
    receivesFrom: list(relation),
    sendsTo: list(relation),
    media: list(ref("Media")),
  }),
  Media: object(
    {
      index: integer("from 1"),
      type: string(),
      protocol: string(),
      codec: string("of the last packet received"),
      sends: boolean,
      receives: boolean,
      rejected: boolean,
      rtcpMux: boolean,
      streams: list(ref("Stream")),
    },
    ["codec"],
  ),
  Stream: object(
    {
      component: { type: "string", enum: ["rtp", "rtcp"] },
      interface: string(),
      local: string("address:port"),
      remote: string("where packets go"),
      signalled: string("where the SDP said"),
      confirmed: boolean,
      retired: boolean,
      ssrc: integer(),
      payloadType: integer(),
      received: traffic,
      sent: traffic,
      lost: integer(),
      duplicates: integer(),
      reordered: integer(),
      jitter: number("RTP timestamp units"),
      drops: { type: "object", additionalProperties: integer(), description: "packets not forwarded, by reason" },
      verdict: ref("Verdict"),
      lastPacket: { type: ["number", "null"], description: seconds },
    },
    ["remote", "signalled", "ssrc", "payloadType", "verdict"],
  ),
  Statistics: { type: "object", description: "the tree of the ng command `statistics`" },
};

const query = (name: string, description: string): Schema => ({
  name,
  in: "query",
  description,
  schema: { type: "integer", minimum: 0 },
});
const body = (types: readonly string[], description: string): Schema => ({
  required: true,
  description,
  content: Object.fromEntries(types.map((type) => [type, { schema: { type: "string" } }])),
});

export function openApi(version: string): { readonly [key: string]: Json } {
  return {
    openapi: "3.1.0",
    info: {
      title: "sluice",
      version,
      description: "RTP media proxy. Where a token is configured, all but /, the health paths and /ping need it.",
    },
    security: [{}, { token: [] }],
    paths: {
      "/": get("the dashboard", { "200": answer("a page for browsers", "text/html", string()) }),
      "/ping": get("liveness in one word", { "200": answer("pong", TEXT, string()) }),
      "/health/live": get("the process answers", ok("it does", ref("Health"))),
      "/health/ready": get("whether new calls should be sent here", {
        "200": answer("yes", JSON_TYPE, ref("Health")),
        "503": answer("no, and why", JSON_TYPE, ref("Health")),
      }),
      "/version": get("version", ok("version", object({ version: string() }))),
      "/metrics": get("metrics for Prometheus; OpenMetrics by Accept", {
        "200": {
          description: "all metrics",
          content: { [TEXT]: { schema: string() }, "application/openmetrics-text": { schema: string() } },
        },
      }),
      "/sessions": get(
        "running calls, oldest first",
        {
          ...ok("a page of calls", ref("Sessions")),
          "400": answer("limit or offset is no number", JSON_TYPE, ref("Error")),
        },
        [query("limit", "calls in the answer, 1000 unless told"), query("offset", "calls to leave out")],
      ),
      "/sessions/{callId}": get(
        "one call in full",
        { ...ok("the call", ref("SessionDetail")), "404": answer("no such call", JSON_TYPE, ref("Error")) },
        [{ name: "callId", in: "path", required: true, schema: { type: "string" } }],
      ),
      "/stats": get("statistics", ok("the tree", ref("Statistics"))),
      "/openapi.json": get("this description", ok("OpenAPI", { type: "object" })),
      "/cli/{command}": get(
        "a line of the command line; + or %20 for spaces",
        { "200": answer("what it prints", TEXT, string()) },
        [{ name: "command", in: "path", required: true, schema: { type: "string" } }],
      ),
      "/cli": {
        post: {
          summary: "the same",
          requestBody: body([TEXT], "the line"),
          responses: { "200": answer("what it prints", TEXT, string()) },
        },
      },
      "/ng": {
        post: {
          summary: "an ng message with cookie, bencode or JSON",
          requestBody: body([NG], "cookie, space, dictionary"),
          responses: { "200": answer("the reply in the same form", NG, string()) },
        },
      },
      "/ng-plain": {
        post: {
          summary: "an ng message without cookie",
          requestBody: body([NG, JSON_TYPE], "the dictionary"),
          responses: { "200": answer("the reply in the same form", JSON_TYPE, { type: "object" }) },
        },
      },
    },
    components: {
      schemas,
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

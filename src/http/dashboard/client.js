// The dashboard in the browser: polls the JSON API once a second while the page is visible and draws what it says. Texts of
// calls come off the network: they are only ever set as text, never as markup.

/** Seconds of history in the graphs. */
const SAMPLES = 120;
/** Newest calls in the table; others are opened by their Call-ID. */
const LISTED = 200;
const EVENTS = 200;

const $ = (id) => document.getElementById(id);

/** @returns an element with attributes and children; text children are text. */
function make(tag, attributes = {}, ...children) {
  const element =
    tag === "svg" || tag === "path"
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Changes the document only where it differs, so that focus and selection stay. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Children of `parent` in the order of `items`; one element per key, made once and updated each time. */
function keyed(parent, items, keyOf, create, update) {
  parent.kept ??= new Map();
  const kept = parent.kept;
  const seen = new Set();
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    seen.add(key);
    let element = kept.get(key);
    if (!element) {
      element = create(item);
      kept.set(key, element);
    }
    update(element, item);
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  for (const [key, element] of kept) {
    if (seen.has(key)) continue;
    element.remove();
    kept.delete(key);
  }
}

// --- numbers ---

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const count = (value) => plain.format(value);
const short = (value) => (Math.abs(value) >= 100 ? plain : fine).format(value);
const NOTHING = "–";

function age(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [d, h, m, s] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${m} min`;
  return m > 0 ? `${m} min ${s} s` : `${s} s`;
}

// --- graphs ---

class History {
  values = [];
  add(value) {
    this.values.push(value);
    if (this.values.length > SAMPLES) this.values.shift();
  }
}

/** `span`: samples from edge to edge; the line ends at the right. */
function path(values, top, height, span) {
  const step = (SAMPLES - 1) / (span - 1);
  const start = span - values.length;
  let pen = "M";
  let text = "";
  values.forEach((value, i) => {
    if (value === undefined) {
      pen = "M";
      return;
    }
    text += `${pen}${((start + i) * step).toFixed(1)} ${(height - 1 - (value / top) * (height - 4)).toFixed(1)}`;
    pen = "L";
  });
  return text;
}

/** Seconds that a graph shows: what there is, at least half a minute. */
const spanOf = (histories) => Math.max(30, ...histories.map(({ values }) => values.length));

/** A line per history, newest right, scaled to the greatest value of all. */
function draw(svg, histories, what) {
  const height = 40;
  const known = histories.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const top = Math.max(1e-9, ...known);
  if (!svg.firstChild) {
    svg.setAttribute("viewBox", `0 0 ${SAMPLES - 1} ${height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.append(make("path", { class: "base", d: `M0 ${height - 1}H${SAMPLES}` }));
    for (let i = 0; i < histories.length; i++) svg.append(make("path", { class: i > 0 ? "second" : "first" }));
  }
  for (const [i, { values }] of histories.entries())
    svg.children[i + 1].setAttribute("d", path(values, top, height, spanOf(histories)));
  const last = histories
    .map(({ values }) => (values.at(-1) === undefined ? NOTHING : short(values.at(-1))))
    .join(" and ");
  svg.setAttribute(
    "aria-label",
    `${what}: now ${last}, greatest ${known.length ? short(top === 1e-9 ? 0 : top) : NOTHING}`,
  );
  return known.length ? (top === 1e-9 ? 0 : top) : 0;
}

// --- tiles ---

const TILES = [
  ["calls", "Calls"],
  ["packets", "Packets per second"],
  ["traffic", "Traffic relayed"],
  ["errors", "Packet errors per second"],
  ["loss", "Loss before us"],
  ["jitter", "Jitter"],
  ["mos", "MOS"],
  ["ports", "Media ports used"],
  ["ng", "ng requests per second"],
  ["latency", "ng processing time"],
  ["refused", "ng errors and refused calls"],
  ["oneway", "One-way and silent streams"],
];
const tiles = new Map();
for (const [key, title] of TILES) {
  const tile = {
    value: make("p", { class: "value" }, NOTHING),
    more: make("p", { class: "more" }),
    svg: make("svg"),
    history: new History(),
    second: key === "packets" ? new History() : undefined,
    title,
  };
  tiles.set(key, tile);
  $("tiles").append(
    make("div", { class: "tile", id: `tile-${key}` }, make("h3", {}, title), tile.value, tile.more, tile.svg),
  );
}

function tile(key, value, text, more = "", second = undefined) {
  const it = tiles.get(key);
  say(it.value, text);
  say(it.more, more);
  it.history.add(value);
  it.second?.add(second);
  draw(it.svg, it.second ? [it.history, it.second] : [it.history], it.title);
}

// --- polling ---

let before;
let token = sessionStorage.getItem("token") ?? "";

class Refused extends Error {}

async function ask(path) {
  const headers = { "X-Sluice-Dashboard": "1" };
  if (token !== "") headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (response.status === 401) throw new Refused();
  if (response.status === 404) return undefined;
  if (!response.ok && response.status !== 503) throw new Error(`${path}: ${response.status}`);
  return await response.json();
}

let timer;
let running = false;
/** A failure of ours must not end the polling: whatever happens, the next second comes. */
async function poll() {
  clearTimeout(timer);
  if (running || document.visibilityState !== "visible") return;
  running = true;
  const started = performance.now();
  try {
    await look();
    $("login").hidden = true;
  } catch (error) {
    state("bad", error instanceof Refused ? "a token is needed" : `no answer from the daemon (${error.message})`);
    if (error instanceof Refused) {
      if ($("login").hidden) {
        $("login").hidden = false;
        $("token").focus();
      } else if (token !== "") say($("refused"), "This token is not the right one.");
    }
    before = undefined;
  }
  running = false;
  clearTimeout(timer);
  timer = setTimeout(poll, Math.max(100, 1000 - (performance.now() - started)));
}

function state(kind, text) {
  $("state").className = `state ${kind}`;
  say($("state"), text);
}

async function look() {
  const [stats, health] = await Promise.all([ask("stats"), ask("health/ready")]);
  if ($("version").textContent === "") say($("version"), (await ask("version"))?.version ?? "");
  const total = stats.currentstatistics.sessionstotal;
  const offset = Math.max(0, total - LISTED);
  const opened = openCall();
  const [list, call] = await Promise.all([
    ask(`sessions?limit=${LISTED}&offset=${offset}`),
    opened === undefined ? undefined : ask(`sessions/${encodeURIComponent(opened)}`),
  ]);
  const at = performance.now();
  if (health.status === "ready") state("good", "ready, taking calls");
  else state("warn", `not ready: ${health.reasons.join("; ")}`);
  showStats(stats, at);
  showCalls(list);
  // Another call may have been opened meanwhile.
  if (opened === openCall()) showCall(opened, call, at);
}

// --- numbers of the whole daemon ---

const sumOf = (list, key) => list.reduce((sum, each) => sum + each[key], 0);

function showStats(stats, at) {
  const { currentstatistics: now, totalstatistics: all, controlstatistics: control, voip_metrics: voip, mos } = stats;
  say($("uptime"), `up ${age(all.uptime)}`);
  document.title = `${count(now.sessionstotal)} calls – sluice`;
  const figures = {
    at,
    lost: voip.packets_lost,
    relayed: all.relayedpackets,
    requests: 0,
    seconds: 0,
    errors: sumOf(control.proxies, "errorcount"),
    interfaces: new Map(stats.interfaces.map((each) => [`${each.name}/${each.address}`, each])),
  };
  for (const proxy of control.proxies) {
    for (const [key, value] of Object.entries(proxy)) {
      if (key.endsWith("duration")) figures.seconds += value;
      else if (key.endsWith("count") && key !== "errorcount") figures.requests += value;
    }
  }
  const last = before && all.uptime >= before.uptime ? before : undefined;
  const passed = last ? (at - last.at) / 1000 : 0;
  const grown = (key) => (last ? Math.max(0, figures[key] - last[key]) : undefined);

  tile("calls", now.sessionstotal, count(now.sessionstotal), `${count(all.managedsessions)} ended since start`);
  tile(
    "packets",
    now.packetrate_user,
    count(now.packetrate),
    `userspace ${count(now.packetrate_user)}, kernel ${count(now.packetrate_kernel)} (dashed)`,
    now.packetrate_kernel,
  );
  const megabits = (now.byterate * 8) / 1e6;
  tile(
    "traffic",
    megabits,
    `${short(megabits)} Mbit/s`,
    `media sections: ${count(now.media_userspace)} userspace, ${count(now.media_kernel)} kernel, ${count(now.media_mixed)} mixed`,
  );
  tile("errors", now.errorrate, count(now.errorrate), `${count(all.relayedpacketerrors)} since start`);
  const lost = grown("lost");
  const relayed = grown("relayed");
  const loss = lost === undefined ? undefined : lost + relayed === 0 ? 0 : (100 * lost) / (lost + relayed);
  tile("loss", loss, loss === undefined ? NOTHING : `${short(loss)} %`, `${count(figures.lost)} packets since start`);
  const measured = voip.jitter_measured_samples_total > 0;
  const jitter = measured
    ? voip.jitter_measured_average
    : voip.jitter_samples_total > 0
      ? voip.jitter_average
      : undefined;
  tile(
    "jitter",
    jitter,
    jitter === undefined ? NOTHING : `${short(jitter)} ms`,
    jitter === undefined ? "no samples yet" : measured ? "measured, average" : "reported, average",
  );
  const score = mos.mos_samples_total > 0 ? mos.mos_average : undefined;
  tile(
    "mos",
    score,
    score === undefined ? NOTHING : score.toFixed(2),
    score === undefined ? "no samples yet" : `average of ${count(mos.mos_samples_total)}`,
  );
  const used = stats.interfaces.reduce((sum, { ports }) => sum + ports.used, 0);
  const ports = stats.interfaces.reduce((sum, each) => sum + each.ports.totals, 0);
  tile("ports", used, count(used), `of ${count(ports)}`);
  const requests = grown("requests");
  tile(
    "ng",
    requests === undefined ? undefined : requests / passed,
    requests === undefined ? NOTHING : short(requests / passed),
    `${count(figures.requests)} since start`,
  );
  const latency = requests ? (grown("seconds") / requests) * 1000 : undefined;
  const mean = figures.requests > 0 ? (figures.seconds / figures.requests) * 1000 : undefined;
  tile(
    "latency",
    latency,
    latency === undefined ? NOTHING : `${fine.format(latency)} ms`,
    mean === undefined ? "" : `${fine.format(mean)} ms on average since start`,
  );
  tile(
    "refused",
    grown("errors"),
    count(figures.errors),
    `${count(all.rejectedsessions)} calls beyond the limit, ${count(all.timeoutsessions + all.silenttimeoutsessions)} timed out`,
  );
  tile(
    "oneway",
    all.onewaystreams,
    count(all.onewaystreams),
    `${count(all.zerowaystreams)} without any packet, since start`,
  );
  keyed(
    $("ports"),
    stats.interfaces,
    ({ name, address }) => `${name}/${address}`,
    portRow,
    (row, each) => {
      const was = last?.interfaces.get(`${each.name}/${each.address}`);
      const rate = (direction) =>
        was ? short(Math.max(0, each[direction].packets - was[direction].packets) / passed) : NOTHING;
      const { min, max, used: taken, free, totals } = each.ports;
      const cells = [`${min}–${max}`, count(taken), count(free)];
      for (const [i, text] of cells.entries()) say(row.children[i + 2], text);
      const meter = row.children[5].firstChild;
      meter.max = Math.max(1, totals);
      meter.high = totals * 0.8;
      meter.value = taken;
      say(meter, `${taken} of ${totals}`);
      say(row.children[6], rate("ingress"));
      say(row.children[7], rate("egress"));
    },
  );
  before = { ...figures, uptime: all.uptime };
}

function portRow({ name, address }) {
  const meter = make("meter", { min: 0, "aria-label": `Share of ports used on ${name} ${address}` });
  const n = () => make("td", { class: "n" });
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, name),
    make("td", {}, address),
    make("td"),
    n(),
    n(),
    make("td", {}, meter),
    n(),
    n(),
  );
}

// --- the list of calls ---

let sessions = [];
let sessionsTotal = 0;

function showCalls(list) {
  sessions = list.sessions.reverse();
  sessionsTotal = list.total;
  listCalls();
}

function listCalls() {
  const wanted = $("filter").value.trim().toLowerCase();
  const shown = wanted === "" ? sessions : sessions.filter(({ callId }) => callId.toLowerCase().includes(wanted));
  const beyond =
    sessionsTotal > sessions.length ? ` of the newest ${sessions.length}; older ones open by their whole Call-ID` : "";
  const note =
    sessionsTotal === 0
      ? "No calls."
      : wanted === "" && beyond === ""
        ? ""
        : `${shown.length} shown${beyond}, ${count(sessionsTotal)} in all.`;
  say($("calls-note"), note);
  const opened = openCall();
  const time = Date.now() / 1000;
  keyed(
    $("list"),
    shown,
    ({ callId }) => callId,
    callRow,
    (row, call) => {
      const cells = [
        count(call.parties),
        age(time - call.created),
        `${age(time - call.lastSignal)} ago`,
        call.createdBy,
        call.deleting ? "ending" : call.draft ? "offered" : "up",
      ];
      for (const [i, text] of cells.entries()) say(row.children[i + 1], text);
      if (call.callId === opened) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    },
  );
}

function callRow({ callId }) {
  const n = () => make("td", { class: "n" });
  const link = make("a", { href: `#call=${encodeURIComponent(callId)}` }, callId);
  return make("tr", {}, make("th", { scope: "row" }, link), n(), n(), n(), make("td"), make("td"));
}

// --- one call ---

/** What is known of the open call from one look to the next. */
let watched;

function openCall() {
  const hash = location.hash;
  if (!hash.startsWith("#call=")) return undefined;
  try {
    return decodeURIComponent(hash.slice(6));
  } catch {
    return undefined;
  }
}

function showCall(callId, call, at) {
  $("detail").hidden = callId === undefined;
  if (callId === undefined) {
    watched = undefined;
    return;
  }
  if (watched?.callId !== callId) {
    watched = { callId, at: undefined, streams: new Map(), legs: new Set(), events: [], seen: false, gone: false };
    $("legs").replaceChildren();
    $("legs").kept = undefined;
  }
  say($("detail-title"), `Call ${callId}`);
  if (!call) {
    if (watched.seen && !watched.gone) note("the call has ended");
    watched.gone = true;
    say($("detail-facts"), watched.seen ? "This call has ended; its last state is shown." : "There is no such call.");
    timeline([]);
    return;
  }
  const first = !watched.seen;
  watched.seen = true;
  const time = Date.now() / 1000;
  say(
    $("detail-facts"),
    `${call.deleting ? "ending, " : ""}up ${age(time - call.created)}, last signalled ${age(time - call.lastSignal)} ago by ${call.createdBy}, ToS ${call.tos}`,
  );
  const passed = watched.at === undefined ? undefined : (at - watched.at) / 1000;
  watched.at = at;
  for (const leg of call.legs) {
    if (!watched.legs.has(leg.tag)) {
      watched.legs.add(leg.tag);
      if (!first) note(`party ${leg.tag || "without tag"} joined`);
    }
  }
  keyed(
    $("legs"),
    call.legs,
    (leg) => `${leg.tag}/${leg.viaBranch}`,
    legBlock,
    (block, leg) => updateLeg(block, leg, passed, first),
  );
  timeline(call.timeline ?? [], call);
}

const PARTY = { FROM_TAG: "caller", TO_TAG: "callee", UNKNOWN: "party" };

function legBlock(leg) {
  const heads = [
    "Media",
    "Codec",
    "Local",
    "Remote",
    "Received",
    "per s",
    "Sent",
    "per s",
    "Lost",
    "Late",
    "Twice",
    "Jitter",
    "Dropped",
    "Heard",
    "Verdict",
  ];
  const numeric = new Set([4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  const caption = `${PARTY[leg.role] ?? "party"} ${leg.tag || "(no tag yet)"}${leg.label ? ` „${leg.label}“` : ""}`;
  const row = make(
    "tr",
    {},
    ...heads.map((text, i) => make("th", { scope: "col", class: numeric.has(i) ? "n" : undefined }, text)),
  );
  const table = make("table", {}, make("caption", {}, caption), make("thead", {}, row), make("tbody"));
  return make("div", {}, make("div", { class: "scroll" }, table), make("div", { class: "graphs" }));
}

function streamsOf(leg) {
  return leg.media.flatMap((media) =>
    media.streams.map((stream) => ({ key: `${leg.tag} ${media.index} ${stream.local}`, leg, media, stream })),
  );
}

function updateLeg(block, leg, passed, first) {
  const streams = streamsOf(leg);
  for (const each of streams) observe(each, passed, first);
  keyed(block.querySelector("tbody"), streams, ({ key }) => key, streamRow, updateStream);
  const drawn = streams.filter(({ stream }) => stream.component === "rtp" && !stream.retired);
  keyed(
    block.lastChild,
    drawn,
    ({ key }) => key,
    graph,
    (figure, { key }) => {
      const { received, sent } = watched.streams.get(key);
      const top = draw(figure.firstChild, [received, sent], "packets per second received from and sent to this party");
      say(figure.lastChild.lastChild, ` packets per second; top ${tenths.format(top)}, ${spanOf([received, sent])} s`);
    },
  );
}

/** Rates, and what changed since the last look. */
function observe({ key, leg, media, stream }, passed, first) {
  const packets = { received: stream.received.packets, sent: stream.sent.packets };
  const dropped = Object.values(stream.drops).reduce((sum, each) => sum + each, 0);
  const name = `${PARTY[leg.role] ?? "party"} ${leg.tag}, ${media.type} ${media.index} ${stream.component}`;
  let known = watched.streams.get(key);
  if (!known) {
    known = { received: new History(), sent: new History(), rates: {}, last: undefined };
    watched.streams.set(key, known);
    if (!first) note(`${name}: port ${stream.local} opened`);
  }
  const { last } = known;
  for (const side of ["received", "sent"]) {
    known.rates[side] = last && passed > 0 ? Math.max(0, packets[side] - last.packets[side]) / passed : undefined;
    known[side].add(known.rates[side]);
  }
  if (last) {
    if (last.packets.received === 0 && packets.received > 0) note(`${name}: first packet`);
    if (last.remote !== stream.remote)
      note(`${name}: now sent to ${stream.remote ?? "nobody"} instead of ${last.remote ?? "nobody"}`);
    if (!last.confirmed && stream.confirmed) note(`${name}: source ${stream.remote} confirmed`);
    if (media.codec && last.codec && last.codec !== media.codec)
      note(`${name}: codec ${last.codec} became ${media.codec}`);
    if (last.ssrc !== undefined && last.ssrc !== stream.ssrc) note(`${name}: SSRC changed`);
    if (last.verdict !== stream.verdict?.cause && stream.verdict) note(`${name}: ${stream.verdict.finding}`);
    if (last.dropped === 0 && dropped > 0) note(`${name}: packets are dropped`);
    if (!last.rejected && media.rejected) note(`${name}: rejected`);
    for (const side of ["sends", "receives"]) {
      if (last[side] !== media[side]) note(`${name}: ${media[side] ? "" : "no longer "}${side}`);
    }
  }
  known.last = {
    packets,
    remote: stream.remote,
    confirmed: stream.confirmed,
    codec: media.codec,
    ssrc: stream.ssrc,
    dropped,
    rejected: media.rejected,
    sends: media.sends,
    receives: media.receives,
    verdict: stream.verdict?.cause,
  };
}

function streamRow({ media, stream }) {
  const cells = Array.from({ length: 14 }, (_, i) => make("td", { class: i >= 3 && i <= 12 ? "n" : undefined }));
  const name = `${media.index} ${media.type} ${stream.component.toUpperCase()}${stream.retired ? " (old port)" : ""}`;
  return make("tr", {}, make("th", { scope: "row" }, name), ...cells);
}

const KINDS = { ok: "good", expected: "", waiting: "warn", fault: "bad" };

function updateStream(row, { key, media, stream }) {
  const { rates } = watched.streams.get(key);
  const rate = (value) => (value === undefined ? NOTHING : tenths.format(value));
  const clock = Number(/\/(\d+)/.exec(media.codec ?? "")?.[1] ?? 8000);
  const drops = Object.entries(stream.drops).filter(([, value]) => value > 0);
  const rtp = stream.component === "rtp";
  const remote = stream.remote ?? NOTHING;
  const texts = [
    rtp ? `${media.codec ?? NOTHING} ${media.protocol}` : "",
    `${stream.local} (${stream.interface})`,
    `${remote}${stream.signalled && stream.signalled !== stream.remote ? `, signalled ${stream.signalled}` : ""}${stream.confirmed ? " ✓" : ""}`,
    count(stream.received.packets),
    rate(rates.received),
    count(stream.sent.packets),
    rate(rates.sent),
    rtp ? count(stream.lost) : "",
    rtp ? count(stream.reordered) : "",
    rtp ? count(stream.duplicates) : "",
    rtp && stream.received.packets > 0 ? `${fine.format((stream.jitter / clock) * 1000)} ms` : "",
    drops.length === 0 ? "0" : drops.map(([reason, value]) => `${count(value)} ${reason}`).join(", "),
    stream.lastPacket === null ? "never" : `${age(Date.now() / 1000 - stream.lastPacket)} ago`,
    verdictText(media, stream),
  ];
  for (const [i, text] of texts.entries()) say(row.children[i + 1], text);
  row.lastChild.className = KINDS[stream.verdict?.state] ?? "";
}

function verdictText(media, { verdict }) {
  const held = media.sends ? "" : "does not send (hold)";
  if (!verdict) return media.rejected ? "rejected" : held;
  if (verdict.state === "ok") return "ok";
  return verdict.fix ? `${verdict.finding} ${verdict.fix}` : verdict.finding;
}

function graph({ media, stream }) {
  const caption = make(
    "figcaption",
    {},
    `${media.type} ${media.index}, ${stream.local}: `,
    make("span", { class: "key1" }, "— received"),
    ", ",
    make("span", { class: "key2" }, "- - sent"),
    make("span"),
  );
  return make("figure", { class: "graph" }, make("svg"), caption);
}

function note(text) {
  watched.events.push({ at: Date.now() / 1000, text });
  if (watched.events.length > EVENTS) watched.events.shift();
}

/** What the daemon kept of the call, else what its times tell; and what was seen since the call was opened here. */
function timeline(kept, call) {
  if (call) {
    const name = ({ tag, section }) => (tag ? `${tag}${section ? ` ${section}` : ""}: ` : "");
    watched.kept = [
      { at: call.created, text: `created by ${call.createdBy}` },
      ...call.legs.map((leg) => ({
        at: leg.created,
        text: `${PARTY[leg.role] ?? "party"} ${leg.tag || "without tag"} appeared`,
      })),
      ...kept.map((entry) => ({ at: entry.at, text: name(entry) + entry.text })),
    ];
    const signalled = Math.max(...watched.kept.map(({ at }) => at));
    if (call.lastSignal > signalled + 0.001) watched.kept.push({ at: call.lastSignal, text: "last signalled" });
  }
  const events = [...(watched.kept ?? []), ...watched.events].sort((a, b) => a.at - b.at);
  keyed(
    $("timeline"),
    events,
    (event) => `${event.at} ${event.text}`,
    (event) => {
      const date = new Date(event.at * 1000);
      const clock = `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
      return make("li", {}, make("time", { datetime: date.toISOString() }, clock), event.text);
    },
    () => {},
  );
}

// --- keyboard and events ---

$("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = $("filter").value.trim();
  const only =
    $("list").rows.length === 1
      ? sessions.find(({ callId }) => callId.toLowerCase().includes(wanted.toLowerCase()))
      : undefined;
  if (wanted !== "") location.hash = `call=${encodeURIComponent(only?.callId ?? wanted)}`;
});
$("filter").addEventListener("input", listCalls);
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  sessionStorage.setItem("token", token);
  say($("refused"), "");
  poll();
});

function close() {
  const link = $("list").querySelector("[aria-current] a");
  // The address without fragment, and without a jump to the top.
  history.pushState(null, "", location.pathname + location.search);
  opened();
  (link ?? $("filter")).focus();
}
$("close").addEventListener("click", (event) => {
  event.preventDefault();
  close();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "Escape") {
    if (typing && $("filter").value !== "") {
      $("filter").value = "";
      listCalls();
    } else if (openCall() !== undefined) close();
  } else if (event.key === "/" && !typing) {
    event.preventDefault();
    $("filter").focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const links = [...$("list").querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const inside = at >= 0 || document.activeElement === $("filter") || document.activeElement === document.body;
    if (!inside || links.length === 0) return;
    event.preventDefault();
    const next = event.key === "ArrowDown" ? at + 1 : at - 1;
    if (next < 0) $("filter").focus();
    else links[Math.min(next, links.length - 1)].focus();
  }
});

function opened() {
  listCalls();
  if (openCall() === undefined) showCall(undefined);
  else {
    // Something is there at once; the numbers follow with the answer.
    $("detail").hidden = false;
    say($("detail-title"), `Call ${openCall()}`);
    $("detail-title").focus();
  }
  poll();
}
window.addEventListener("hashchange", opened);
window.addEventListener("popstate", opened);
document.addEventListener("visibilitychange", poll);
poll();

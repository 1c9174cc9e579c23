/** Commands that change something: `set`, `params`, `terminate`, `debug`, `drain`. */
import { expect, test } from "bun:test";
import { Station } from "./station.ts";

test("set: success and failure in the literal words", () => {
  const station = new Station();
  const answers: [string, string][] = [
    ["maxsessions 500", "Success setting maxsessions to 500"],
    ["maxsessions -1", "Success setting maxsessions to -1; disable feature"],
    ["maxsessions abc", "Fail setting maxsessions to abc; no digits found"],
    ["maxsessions -5", "Fail setting maxsessions to -5; either positive or -1 values allowed"],
    ["maxsessions 99999999999999999999", "Fail setting maxsessions to 99999999999999999999; errno=34"],
    ["maxcpu 90", "Success setting maxcpu to 90.0"],
    ["maxcpu x", "Fail setting maxcpu to x; no digits found"],
    ["maxload 4", "Success setting maxload to 4.00"],
    ["maxbw 125000", "Success setting maxbw to 125000"],
    ["timeout 44", "Success setting timeout to 44"],
    ["timeout abc", "Fail setting timeout to abc; no digits found"],
    ["timeout -1", "Fail setting timeout to -1; errno=0"],
    ["silenttimeout 100", "Success setting timeout to 100"],
    ["offertimeout 100", "Success setting timeout to 100"],
    ["finaltimeout 100", "Success setting timeout to 100"],
    ["finaltimeout x", "Fail setting timeout to x; no digits found"],
    ["loglevel 7", "Success setting loglevel to 7"],
    ["loglevel ice 5", "Success setting loglevel to 5"],
    ["loglevel nonsense 5", "Success setting loglevel to 5"],
    ["redisallowederrors 3", "Success setting redis-allowed-errors to 3"],
    ["redisdisabletime 20", "Success setting redis-disable-time to 20"],
    ["redisdisabletime -1", "Invalid redis-disable-time value -1, must be >= 0"],
    ["redisdisable 1", "No redis write to disable"],
    ["redisdisable 0", "No redis write to re-enable"],
    ["redisdisable 7", "Invalid redis-disable value 7, must be >= 0"],
    ["redisconnecttimeout 2000", "Success setting redis-connect-timeout to 2000"],
    ["redisconnecttimeout 0", "Invalid redis-connect-timeout value 0, must be > 0"],
    ["rediscmdtimeout 5", "Success setting redis-cmd-timeout to 5"],
    ["rediscmdtimeout -5", "Invalid redis-cmd-timeout value -5, must be >= 0"],
    ["controltos 184", "Success setting control-tos to 184"],
    ["controltos 256", "Invalid control-tos value 256, must be between 0 and 255"],
    ["deletedelay 5", "Success setting delete-delay to 5"],
    ["deletedelay -1", "Invalid delete-delay value"],
    ["maxopenfiles abc", "Fail setting open_files to abc; no digits found"],
    ["maxopenfiles 12", "Fail setting open_files to 12; can't set it under 65536"],
  ];
  for (const [line, answer] of answers) expect(station.run(`set ${line}`)).toBe(`${answer}\n`);
  expect(station.scene.state.settings).toMatchObject({
    maxSessions: -1,
    maxCpu: 90,
    maxLoad: 4,
    maxBandwidth: 125_000,
    timeout: 44,
    silentTimeout: 100,
    offerTimeout: 100,
    finalTimeout: 100,
    deleteDelay: 5,
  });
  expect(station.controlTos).toBe(184);
  expect(station.log.level("core")).toBe(7);
  expect(station.log.level("ice")).toBe(5);
  expect(station.log.level("internals")).toBe(-1);
});

test("a timeout of 0 means the default, as in the configuration, instead of ending every call", () => {
  const station = new Station();
  station.call();
  expect(station.run("set timeout 0")).toBe("Success setting timeout to 60\n");
  station.scene.pass(5);
  expect(station.scene.state.calls.size).toBe(1);
});

test("a lower timeout acts at once", () => {
  const station = new Station();
  station.call();
  station.run("set timeout 3");
  station.scene.pass(4);
  expect(station.scene.state.calls.size).toBe(0);
});

test("maxsessions 0 refuses every new call, running ones stay", () => {
  const station = new Station();
  station.call("first");
  station.run("set maxsessions 0");
  expect(() => station.call("second")).toThrow("Parallel session limit reached");
  expect([...station.scene.state.calls.keys()]).toEqual(["first"]);
});

test("params diff names what was changed, params revert undoes it", () => {
  const station = new Station();
  expect(station.run("params diff")).toBe("");
  for (const line of [
    "maxsessions 500",
    "maxcpu 90",
    "timeout 30",
    "loglevel ice 7",
    "controltos 8",
    "redisconnecttimeout 5",
  ]) {
    station.run(`set ${line}`);
  }
  expect(station.run("params diff")).toBe(
    "log-level-ice: 6 => 7\nmax-sessions: -1 => 500\nmax-cpu: 0 => 9000\ntimeout: 60000000 => 30000000\n" +
      "redis_connect_timeout-db: 1000 => 5\ncontrol-tos: 0 => 8\n",
  );
  expect(station.run("params revert")).toBe("");
  expect(station.run("params diff")).toBe("");
  expect(station.scene.state.settings.maxSessions).toBe(-1);
  expect(station.log.level("ice")).toBe(6);
});

test("params start and current: one option a line, no secrets", () => {
  const station = new Station(
    "--http-token=s3cret",
    "--redis=topsecret@127.0.0.1:6379/4",
    "--listen-cli=127.0.0.1:9900",
  );
  station.run("set maxsessions 7");
  station.run("set timeout 30");
  const start = station.run("params start");
  const current = station.run("params current");
  expect(start.startsWith("log-level-core = 6\n")).toBe(true);
  for (const line of [
    "max_sessions = -1",
    "kernel_table = -1",
    "default_tos = 0",
    "port_min = 30000",
    "timeout_us = 60000000",
    "bw_limit = 0",
    "[max-cpu = 0.0]",
    "[max-load = 0.00]",
    "interface[0] = default\\127.0.0.1",
    "cli_listen_ep = 127.0.0.1:9900",
    "recording_dir = (null)",
  ]) {
    expect(start.split("\n"), line).toContain(line);
  }
  expect(current.split("\n")).toContain("max_sessions = 7");
  expect(current.split("\n")).toContain("timeout_us = 30000000");
  expect(start).not.toMatch(/s3cret|topsecret/);
});

test("terminate one, all, own, foreign", () => {
  const station = new Station();
  for (const id of ["one", "two", "three with blanks"]) station.call(id);
  expect(station.run("terminate nobody")).toBe("\nCall Id not found (nobody).\n\n");
  expect(station.run("terminate foreign")).toBe("All foreign calls terminated by operator.\n");
  expect(station.scene.state.calls.size).toBe(3);
  expect(station.run("terminate three with blanks")).toBe(
    "\nCall Id (three with blanks) successfully terminated by operator.\n\n",
  );
  expect(station.run("call one terminate")).toBe("\nCall 'one' terminated.\n\n");
  expect([...station.scene.state.calls.keys()]).toEqual(["two"]);
  station.call("four");
  expect(station.run("terminate all")).toBe("All calls terminated by operator.\n");
  expect(station.run("terminate own")).toBe("All own calls terminated by operator.\n");
  expect(station.scene.state.calls.size).toBe(0);
  expect(station.scene.ports.open.size).toBe(0);
  expect(station.scene.state.ended.byReason.FORCED).toBe(4);
  expect(station.lines).toContain("Call Id (one) successfully terminated by operator.");
});

test("call: its errors", () => {
  const station = new Station();
  station.call("c");
  const answers: [string, string][] = [
    ["call", "No call ID specified"],
    ["call x info", "No such call 'x'"],
    ["call c", "More parameters required."],
    ["call c nonsense", "Unknown command: nonsense"],
    ["call c tag", "No tag specified"],
    ["call c tag x info", "No such tag 'x'"],
    ["call c tag A", "More parameters required."],
    ["call c tag A delay 20", "Unknown command: delay"],
  ];
  for (const [line, answer] of answers) expect(station.run(line), line).toBe(`${answer}\n`);
});

test("debug one call", () => {
  const station = new Station();
  station.call("c");
  const logged = () => station.log.enabled("debug", "core", "c");
  expect(station.run("debug")).toBe("No call ID specified\n");
  expect(station.run("debug x")).toBe("Call ID 'x' not found\n");
  expect(station.run("debug c maybe")).toBe("Invalid on/off flag ('maybe') specified\n");
  expect(logged()).toBe(false);
  expect(station.run("debug c")).toBe("Enabled debugging for call 'c'\n");
  expect(logged()).toBe(true);
  expect(station.run("call c debug off")).toBe("Disabled debugging for call 'c'\n");
  expect(logged()).toBe(false);
});

test("features that are off answer as such", () => {
  const station = new Station();
  for (const line of ["ksadd 3", "ksrm 3", "kslist"]) {
    expect(station.run(line)).toBe("Keyspace notification feature has not been configured.\n");
  }
  expect(station.run("active")).toBe("Ok, all calls set to 'owned (active)'\n");
  expect(station.run("standby")).not.toContain("Ok");
});

test("drain: new calls are refused as at the session limit, running ones can be changed, undrain ends it", () => {
  const station = new Station();
  station.call("running");
  const ask = (body: object) => {
    const reply = station.dispatcher.handlePlain(Buffer.from(JSON.stringify(body)), { address: "192.0.2.3", port: 5 });
    return JSON.parse(Buffer.from(reply).toString()) as Record<string, unknown>;
  };
  const sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
  const offer = (callId: string) => ({ command: "offer", "call-id": callId, "from-tag": "A", sdp });
  expect(station.run("drain")).toBe("Draining: new calls are refused, 1 running.\n");
  expect(ask(offer("new"))).toMatchObject({ result: "error", "error-reason": "Parallel session limit reached" });
  expect(ask({ ...offer("new"), supports: ["load limit"] })).toEqual({
    result: "load limit",
    message: "Parallel session limit reached",
  });
  expect(ask(offer("running"))).toMatchObject({ result: "ok" });
  expect(station.scene.state.calls.size).toBe(1);
  expect(station.run("undrain")).toBe("Taking new calls, 1 running.\n");
  expect(ask(offer("new"))).toMatchObject({ result: "ok" });
});

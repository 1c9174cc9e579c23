/** Call records and captures of several hosts can only be compared when their clocks agree. */
import { type Check, ok, unknown, warn } from "../check.ts";

export const clock: Check = {
  id: "clock",
  title: "Clock",
  run({ system }) {
    const state = system.clock();
    if (!state) return unknown("the system does not tell (adjtimex)");
    if (state.synchronised) {
      return ok(`synchronised, at most ${state.maxError.toFixed(0)} ms off`);
    }
    const daemon = ["/run/chrony/chronyd.pid", "/run/systemd/timesync/synchronized", "/run/ntpd.pid"].find(
      (path) => "text" in system.readFile(path),
    );
    return daemon === undefined
      ? warn(
          "not synchronised: times in records and logs will drift",
          "install chrony or enable systemd-timesyncd (in a virtual machine or container: on the host)",
        )
      : unknown(`${daemon} is there, but the kernel does not call the clock synchronised (yet)`);
  },
};

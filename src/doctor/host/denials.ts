/** Whether a security module keeps the daemon from something. */
import { type Check, ok, unknown, warn } from "../check.ts";

const AUDIT_LOG = "/var/log/audit/audit.log";
/** Only the latest part of a log is of interest. Characters. */
const TAIL = 1 << 20;
const DENIED = /(?:avc:\s+denied|apparmor="DENIED").*(?:comm="(?:sluice|rtpengine)|profile="[^"]*(?:sluice|rtpengine))/;

export const denials: Check = {
  id: "security-denials",
  title: "SELinux, AppArmor",
  run({ system }) {
    const enforce = system.readFile("/sys/fs/selinux/enforce");
    const apparmor = system.readFile("/sys/module/apparmor/parameters/enabled");
    const selinux = "text" in enforce && enforce.text.trim() === "1";
    const confined = "text" in apparmor && apparmor.text.trim() === "Y";
    if (!selinux && !confined) return ok("neither of them enforces anything here");
    const which = [...(selinux ? ["SELinux"] : []), ...(confined ? ["AppArmor"] : [])].join(" and ");
    const audit = system.readFile(AUDIT_LOG);
    const kernel = system.run(["dmesg"]);
    const texts = [
      ...("text" in audit ? [audit.text] : []),
      ...("stdout" in kernel && kernel.status === 0 ? [kernel.stdout] : []),
    ];
    const denied = texts.flatMap((text) => text.slice(-TAIL).split("\n")).filter((line) => DENIED.test(line));
    const [last] = denied.slice(-1);
    if (last !== undefined) {
      return warn(
        `${which} denied it something ${denied.length} time${denied.length === 1 ? "" : "s"}, last: ${last.trim().slice(0, 200)}`,
        selinux
          ? "ausearch -m avc -c sluice | audit2allow -M sluice, then semodule -i sluice.pp"
          : "adapt the profile in /etc/apparmor.d, then apparmor_parser -r",
      );
    }
    if (texts.length === 0) {
      const why = "reason" in kernel ? kernel.reason : "dmesg may not be read";
      return unknown(`${which} is active, ${"reason" in audit ? audit.reason : ""} and ${why}`, "run it as root");
    }
    return ok(`${which} is active and denied nothing that is still in the logs`);
  },
};

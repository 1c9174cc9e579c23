/** All questions about the host, in the order in which an operator would ask them. */
import type { Check } from "../check.ts";
import { advertised, bindable, reversePath, routes } from "./addresses.ts";
import { receiveDrops, socketBuffers } from "./buffers.ts";
import { clock } from "./clock.ts";
import { conntrack } from "./conntrack.ts";
import { denials } from "./denials.ts";
import { controlFirewall, mediaFirewall } from "./firewall.ts";
import { bpf, ioUring, kernelModule } from "./kernel.ts";
import { listeners } from "./listeners.ts";
import { ephemeralOverlap, openFiles } from "./ports.ts";
import { processor } from "./processor.ts";

export const HOST_CHECKS: readonly Check[] = [
  listeners,
  bindable,
  advertised,
  routes,
  reversePath,
  mediaFirewall,
  controlFirewall,
  conntrack,
  ephemeralOverlap,
  openFiles,
  socketBuffers,
  receiveDrops,
  processor,
  kernelModule,
  bpf,
  ioUring,
  clock,
  denials,
];

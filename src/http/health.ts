/** Whether this node is alive, and whether it should get new calls. */

export interface Health {
  readonly ready: boolean;
  /** Why it is not ready, in sentences. */
  readonly reasons: readonly string[];
}

export interface HealthSources {
  readonly draining: boolean;
  readonly workers: readonly { readonly worker: number; readonly alive: boolean; readonly stuck: boolean }[];
  /** Free ports by local address of the default interface. */
  readonly ports: readonly { readonly address: string; readonly free: number }[];
}

export function health({ draining, workers, ports }: HealthSources): Health {
  const reasons: string[] = [];
  if (draining) reasons.push("draining: new calls are refused");
  for (const { worker, alive, stuck } of workers) {
    if (!alive) reasons.push(`relay worker ${worker} is not running`);
    else if (stuck) reasons.push(`relay worker ${worker} is stuck`);
  }
  // A call needs a pair on each side.
  for (const { address, free } of ports) if (free < 4) reasons.push(`${address} has ${free} free media ports`);
  return { ready: reasons.length === 0, reasons };
}

import type { Command } from "./command.ts";

/** Liveness: answered whatever else is in the request and however busy we are. */
export const ping: Command = () => ({ result: "pong", body: {} });

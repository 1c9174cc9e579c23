/** Set by `tools/build.ts`; absent when run from source. */
declare const SLUICE_VERSION: string | undefined;
declare const SLUICE_COMMIT: string | undefined;

export const version: string = typeof SLUICE_VERSION === "undefined" ? "0.0.0-source" : SLUICE_VERSION;
export const commit: string = typeof SLUICE_COMMIT === "undefined" ? "unknown" : SLUICE_COMMIT;

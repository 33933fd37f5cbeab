import type { Log } from '../src/contract/log.ts';

/** For stores that are measured without a gateway around them. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

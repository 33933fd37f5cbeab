import { createRedactor } from '../../src/observability/redaction.ts';

/** What a client of a test's vendor is made with, where the test does not bound it more tightly. */
export const upstreamOptions = {
  timeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  maxConnections: 128,
  maxAnswerBytes: 10 * 1024 * 1024,
  secrets: [] as readonly string[],
  createRedactor,
} as const;

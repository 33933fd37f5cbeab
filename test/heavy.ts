/**
 * Tests that kill and pause processes, take databases away, put copies back, flood, fill memory, or drive a browser: 24 files that need
 * half of the time of all. `npm run test:heavy` runs them, `npm test` all others.
 */
export const heavyProofs: readonly string[] = [
  'test/siege.test.ts',
  'test/torture.test.ts',
  'test/console/now.test.ts',
  'test/console/operations.test.ts',
  'test/console/runs.test.ts',
  'test/console/stream.test.ts',
  'test/docs/browsers.test.ts',
  'test/gateway/clock-steps.test.ts',
  'test/gateway/reload.test.ts',
  'test/gateway/resident-memory.test.ts',
  'test/gateway/restart.test.ts',
  'test/gateway/restored.test.ts',
  'test/gateway/session-killed.test.ts',
  'test/gateway/storage-away.test.ts',
  'test/gateway/storage-demoted.test.ts',
  'test/gateway/storage-faults.test.ts',
  'test/gateway/storage-unheard.test.ts',
  'test/gateway/store-file.test.ts',
  'test/gateway/temporal-killed.test.ts',
  'test/gateway/walls.test.ts',
  'test/nights/replica-frozen.test.ts',
  'test/nights/store-away.test.ts',
  'test/store/postgres-failover.test.ts',
  'test/webhooks/killed.test.ts',
];

/** Those of them that load both processors by themselves, and wait for what is answered under that load: they run after the others. */
export const alone: readonly string[] = ['test/siege.test.ts'];

/** Tests of generated cases: `npm test` tries a third of them, and the heavy tests, which set `RUNGATE_TEST_ALL_CASES`, all. */
export const generatedCases: readonly string[] = ['test/protocols/property-requests.test.ts'];

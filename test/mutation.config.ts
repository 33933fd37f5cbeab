import { defineConfig } from 'vitest/config';

// The tests of the pure files that `npm run mutation` changes: fast ones, so that each change meets all of them.
// biome-ignore lint/style/noDefaultExport: vitest reads its config from the default export.
export default defineConfig({
  test: {
    include: [
      'test/engine/state-machine.test.ts',
      'test/engine/backoff.test.ts',
      'test/engine/pacing.test.ts',
      'test/upstream/fault-rule.test.ts',
      'test/webhooks/retry-policy.test.ts',
    ],
  },
});

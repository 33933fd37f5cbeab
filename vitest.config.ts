import { defineConfig } from 'vitest/config';
import { alone, generatedCases, heavyProofs } from './test/heavy.ts';
import { LongestFirst } from './test/longest-first.ts';

// biome-ignore lint/style/noDefaultExport: vitest reads its config from the default export.
export default defineConfig({
  test: {
    // `npm test` runs the first, `npm run test:heavy` the others, and `npx vitest run` all.
    projects: [
      { extends: true, test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: [...heavyProofs] } },
      {
        extends: true,
        test: {
          name: 'heavy',
          include: [...heavyProofs, ...generatedCases],
          exclude: [...alone],
          env: { RUNGATE_TEST_ALL_CASES: 'yes' },
        },
      },
      { extends: true, test: { name: 'alone', include: [...alone], sequence: { groupOrder: 1 } } },
    ],
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/temporary-folder.ts'],
    // Most tests wait for sockets, databases and children: three share two cores better than one per spare core.
    maxWorkers: 3,
    // Files share processes, and so the modules of the code: loading them anew for each file takes a third of the time.
    isolate: false,
    // A machine that is busy with something else must not turn a slow test into a failed one.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // For `npm run coverage`; its floors are in test/coverage.ts.
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'adapters/**/*.ts'],
      reporter: ['json-summary'],
      reportOnFailure: true,
    },
  },
});

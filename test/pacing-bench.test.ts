import { describe, expect, test } from 'vitest';
import { compareFleet, compareTuned, fullScale, hasHistory, sampleAgents } from '../bench/pacing/comparison.ts';
import { pacingSchema } from '../src/config/sections.ts';

// The short form of `npm run bench:pacing`.
const scale = { ...fullScale, runs: 3000, learnFrom: 800, optimumRuns: 1500 };
const limits = pacingSchema.parse({});

describe('pacing against fixed intervals', () => {
  const samples = sampleAgents(scale, limits, false);
  const learnt = samples.filter(hasHistory);

  test('at the same number of polls its mean lag is below the bars', () => {
    const rows = [...compareFleet(learnt), ...compareFleet(samples.filter((sample) => !hasHistory(sample)))];
    expect(rows).toHaveLength(4);
    for (const { bar, ratio } of rows)
      expect({ name: bar.durations.name, ratio: ratio <= bar.most }).toMatchObject({ ratio: true });
  });

  test('it stays near what a poller could reach that was told the distribution', () => {
    for (const { bar, ratio, bestRatio } of compareTuned(learnt, scale)) {
      expect({ name: bar.durations.name, ratio }).toSatisfy(() => ratio - bestRatio < 0.25);
    }
  });
});

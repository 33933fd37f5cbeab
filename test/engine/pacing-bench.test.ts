import { describe, expect, test } from 'vitest';
import { cheapestPolls } from '../../bench/pacing/best-possible.ts';
import {
  compareFleet,
  fullScale,
  hasHistory,
  maxOfBestCost,
  pollShortAgents,
  sampleAgents,
} from '../../bench/pacing/comparison.ts';
import { pacingSchema } from '../../src/config/sections.ts';
import { pollPriceMs } from '../../src/engine/pacing/pacing.ts';

// The short form of `npm run bench:pacing`.
const scale = { ...fullScale, runs: 3000, learnFrom: 800 };
const limits = pacingSchema.parse({});

describe('pacing against fixed intervals', () => {
  const samples = sampleAgents(scale, limits, false);
  const learnt = samples.filter(hasHistory);

  test('pacing has a mean lag below the bars at the same number of polls as a fixed interval', () => {
    const rows = [...compareFleet(learnt), ...compareFleet(samples.filter((sample) => !hasHistory(sample)))];
    expect(rows).toHaveLength(4);
    for (const { bar, ratio } of rows)
      expect({ name: bar.durations.name, ratio: ratio <= bar.max }).toMatchObject({ ratio: true });
  });

  test('watched runs of agents that answer at once are seen at once, with and without history', () => {
    const rows = pollShortAgents(scale, limits);
    expect(rows).toHaveLength(4);
    for (const { durations, learns, ours, maxLagMs } of rows) {
      expect({ name: durations.name, learns, lagMs: ours.lagMs }).toSatisfy(({ lagMs }) => lagMs <= maxLagMs);
    }
  });

  test('pacing costs little more than the best possible poller, which knows the distribution', () => {
    for (const { bar, runs, ours } of learnt) {
      const priceMs = pollPriceMs(false, limits);
      const best = cheapestPolls(runs, priceMs);
      const ofBestCost = (ours.lagMs + ours.polls * priceMs) / (best.lagMs + best.polls * priceMs);
      expect({ name: bar.durations.name, ofBestCost }).toSatisfy((row) => row.ofBestCost <= maxOfBestCost);
    }
  });
});

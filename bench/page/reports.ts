import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { root } from '../places.ts';

const machine = z.looseObject({
  at: z.string(),
  commit: z.string(),
  processor: z.string(),
  processors: z.number(),
  loadAverage: z.number(),
});
const bar = z.object({ kind: z.enum(['at least', 'at most']), value: z.number() });
const figure = z.looseObject({
  name: z.string(),
  /** Null: it could not be computed. */
  value: z.number().nullable(),
  unit: z.string(),
  bar: bar.optional(),
});
const benchReport = z.object({
  machine,
  tookSeconds: z.number(),
  figures: z.array(figure),
  skipped: z.array(z.string()),
});
const score = z.object({
  name: z.string(),
  runs: z.number(),
  kills: z.number(),
  meanStarts: z.number(),
  maxStarts: z.number(),
  startedTwice: z.number(),
  resultsLost: z.number(),
  neverStarted: z.number(),
  stuck: z.number(),
  p50Ms: z.number().nullable(),
  /** Null: later than the patience, as JSON has no infinity. */
  p99Ms: z.number().nullable(),
});
const durableReport = z.object({
  machine,
  settings: z.looseObject({ keyed: z.boolean(), patience: z.string() }),
  scores: z.array(score),
  skipped: z.array(z.string()),
});

export type MeasuredFigure = z.infer<typeof figure>;
export type BenchReport = z.infer<typeof benchReport>;
export type DurableReport = z.infer<typeof durableReport>;

/** The reports of the last measurement, which the pages are made from; written by `--json FILE` of each benchmark. */
const measured = join(root, 'bench/measured');

/** Null where that benchmark has no report. */
export function readBenchReport(name: 'bench' | 'short' | 'postgres' | 'finished' | 'dev-server'): BenchReport | null {
  return read(name, benchReport);
}

export function readDurableReport(name: 'durable' | 'durable-keyed'): DurableReport | null {
  return read(name, durableReport);
}

function read<T>(name: string, schema: z.ZodType<T>): T | null {
  const file = join(measured, `${name}.json`);
  return existsSync(file) ? schema.parse(JSON.parse(readFileSync(file, 'utf8'))) : null;
}

/** @throws Error where the report has no such figure. */
export function figureOf(report: BenchReport, name: string): number {
  const value = report.figures.find((each) => each.name === name)?.value;
  if (value === undefined || value === null) throw new Error(`the report has no figure "${name}"`);
  return value;
}

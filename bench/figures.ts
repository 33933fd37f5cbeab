/** The quantile by nearest rank; NaN for an empty list. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** What a figure must reach. */
export type Bar = { readonly kind: 'at least' | 'at most'; readonly value: number };

/** One line of the report. */
export type Figure = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly bar?: Bar;
  /** What a reader must know to read the figure right. */
  readonly note?: string;
};

/** A measure's lines, or why it could not be taken here. */
export type Measured = { readonly figures: readonly Figure[]; readonly skipped?: readonly string[] };

export function atLeast(value: number): Bar {
  return { kind: 'at least', value };
}

export function atMost(value: number): Bar {
  return { kind: 'at most', value };
}

export function isMet({ value, bar }: Figure): boolean | null {
  if (bar === undefined) return null;
  return bar.kind === 'at least' ? value >= bar.value : value <= bar.value;
}

/** Three significant digits, and no more of large numbers than they carry. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}

/** A row of a bar chart. */
export type BarRow = {
  readonly label: string;
  /** What stands behind the bar. */
  readonly text: string;
  readonly value: number;
  readonly colour: string;
};

export type BarChart = {
  readonly title: string;
  readonly rows: readonly BarRow[];
  /** The ends of the axis; logarithmic, so that half and twice are as far from one. */
  readonly axis: { readonly min: number; readonly max: number; readonly isLogarithmic: boolean };
  /** A line across all rows, and its name. */
  readonly mark?: { readonly value: number; readonly name: string };
};

export const colours = { met: '#2e7d32', missed: '#c62828', neutral: '#546e7a' } as const;

const width = 1080;
const labelWidth = 520;
const textWidth = 190;
const rowHeight = 22;
const headHeight = 48;
const font = 'font-family="system-ui, sans-serif" font-size="13"';

/** Horizontal bars from the axis' beginning, or from its mark where there is one. SVG without scripts or fonts of its own. */
export function drawBars({ title, rows, axis, mark }: BarChart): string {
  const height = headHeight + rows.length * rowHeight + 12;
  const plotWidth = width - labelWidth - textWidth;
  const scaleOf = (value: number): number => (axis.isLogarithmic ? Math.log(value) : value);
  const x = (value: number): number => {
    const clamped = Math.min(axis.max, Math.max(axis.min, value));
    const share = (scaleOf(clamped) - scaleOf(axis.min)) / (scaleOf(axis.max) - scaleOf(axis.min));
    return round(labelWidth + share * plotWidth);
  };
  const zero = x(mark?.value ?? axis.min);
  const bars = rows.flatMap(({ label, text, value, colour }, index) => {
    const top = headHeight + index * rowHeight;
    const [from, to] = [Math.min(zero, x(value)), Math.max(zero, x(value))];
    return [
      `<text x="${labelWidth - 8}" y="${top + 15}" text-anchor="end" fill="#222">${escapeText(label)}</text>`,
      `<rect x="${from}" y="${top + 4}" width="${Math.max(1, round(to - from))}" height="14" fill="${colour}"/>`,
      `<text x="${width - textWidth + 8}" y="${top + 15}" fill="#222">${escapeText(text)}</text>`,
    ];
  });
  const line =
    mark === undefined
      ? []
      : [
          `<line x1="${zero}" y1="${headHeight - 4}" x2="${zero}" y2="${height - 8}" stroke="#222"/>`,
          `<text x="${zero}" y="${headHeight - 8}" text-anchor="middle" fill="#222">${escapeText(mark.name)}</text>`,
        ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${font}>`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="12" y="22" fill="#222" font-weight="bold">${escapeText(title)}</text>`,
    ...bars,
    ...line,
    '</svg>',
    '',
  ].join('\n');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

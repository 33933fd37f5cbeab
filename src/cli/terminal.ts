import { type InspectColor, stripVTControlCharacters, styleText } from 'node:util';

/** One column of a table: its head, and what it shows of a row. */
export type Column<Row> = {
  readonly head: string;
  readonly cell: (row: Row) => string;
  readonly style?: (row: Row) => InspectColor | undefined;
  readonly isNumber?: boolean;
};

/**
 * Text of vendors and clients as a terminal may show it: without escape sequences and controls, which could rewrite what
 * stands there, and without marks that turn the direction of writing.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\t\r\n]+/g, ' ')
    .replaceAll(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, '�');
}

/** Colours on a terminal alone; `NO_COLOR` takes them out, `FORCE_COLOR` asks for them elsewhere. */
export function paint(style: InspectColor | undefined, text: string): string {
  return style === undefined || text === '' ? text : styleText(style, text, { stream: process.stdout });
}

/** Aligned columns. On a terminal the last one is cut at its width; elsewhere everything is whole. */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))));
  const widths = columns.map(({ head }, at) => Math.max(head.length, ...cells.map((each) => each[at]?.length ?? 0)));
  const place = (texts: readonly string[], styleOf: (at: number) => InspectColor | undefined): string => {
    const padded = texts.map((text, at) =>
      columns[at]?.isNumber === true ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0),
    );
    const whole = padded.join('  ').trimEnd();
    const { columns: width } = process.stdout;
    const room = process.stdout.isTTY && width > 0 ? width : whole.length;
    let left = room;
    const painted = padded.map((text) => {
      const shown = text.slice(0, Math.max(left, 0));
      left -= text.length + 2;
      return shown;
    });
    return painted
      .map((text, at) => paint(styleOf(at), text))
      .join('  ')
      .trimEnd();
  };
  const head = place(
    columns.map((column) => column.head),
    () => 'dim',
  );
  const lines = rows.map((row, index) => place(cells[index] ?? [], (at) => columns[at]?.style?.(row)));
  return `${[head, ...lines].join('\n')}\n`;
}

/** A length of time in at most two units, such as `2h 10m`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const units = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const named = units.map((count, at) => `${count}${'dhms'[at]}`);
  const first = units.findIndex((count) => count > 0);
  return named
    .slice(first, first + 2)
    .filter((_, at) => at === 0 || units[first + at] !== 0)
    .join(' ');
}

/** Since an instant, by the clock of this machine. */
export function formatAge(instant: string | null): string {
  return instant === null ? '-' : formatDuration(Math.max(0, Date.now() - Date.parse(instant)));
}

/** How a status or a phase looks. */
export function styleOfStatus(word: string): InspectColor | undefined {
  switch (word) {
    case 'success':
    case 'ok':
      return 'green';
    case 'error':
    case 'timeout':
    case 'down':
    case 'unauthorised':
      return 'red';
    case 'interrupted':
    case 'queued':
    case 'degraded':
    case 'paused':
      return 'yellow';
    case 'running':
    case 'pending':
      return 'cyan';
    default:
      return undefined;
  }
}

/** A line about work that takes long, rewritten in place; nothing where standard error is no terminal. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
}

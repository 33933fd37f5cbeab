import { StringDecoder } from 'node:string_decoder';
import { type Pool, Query } from 'pg';
import { z } from 'zod';
import { StorageFault } from '../../contract/store/store.ts';
import { maxReadAtOnce } from '../row-batches.ts';

/** A select of rows whose payloads may be large. */
export type PayloadSelect = {
  readonly select: string;
  /** Its columns but for the payloads. */
  readonly heads: readonly string[];
  /** Columns of text. */
  readonly payloads: readonly string[];
};

/** Payloads of events, whose values may be in the state of their runs. */
export const eventPayloads = ['change', 'state'] as const;

/** Bytes of a payload in one row of the reply, each of which is in memory whole before it is read. */
const pieceBytes = 262_144;

const withheld = z.object({ is_withheld: z.boolean() });

/** Whether a row of {@link withholdLarge} or {@link takeFitting} came without its payloads. */
export function isWithheld(row: unknown): boolean {
  return row !== undefined && withheld.parse(row).is_withheld;
}

/**
 * The same rows, without the payloads where they are large: of each row, or of all rows if they are together. Sizes are
 * known to PostgreSQL without reading the payloads.
 */
export function withholdLarge({ select, heads, payloads }: PayloadSelect, per: 'row' | 'all'): string {
  const weight = per === 'row' ? sizeOf(payloads) : `sum(${sizeOf(payloads)}) OVER ()`;
  return `SELECT ${heads.join(', ')}, ${payloadsUpTo('weight', payloads)}, weight > ${maxReadAtOnce} AS is_withheld
    FROM (SELECT *, ${weight} AS weight FROM (${select}) AS whole) AS weighed`;
}

/** As many of the first rows as may be read at once. A large first row comes alone and without its payloads. */
export function takeFitting({ select, heads, payloads }: PayloadSelect, order: string): string {
  return `SELECT ${heads.join(', ')}, ${payloadsUpTo('weight', payloads)}, weight > ${maxReadAtOnce} AS is_withheld FROM (
      SELECT *, sum(weight) OVER (ORDER BY ${order}) AS running FROM (
        SELECT *, ${sizeOf(payloads)} AS weight FROM (${select}) AS whole) AS weighed) AS summed
    WHERE running <= ${maxReadAtOnce} OR running = weight ORDER BY ${order}`;
}

/** The same rows in pieces, for {@link readPieces}: each as often as its longest payload has pieces. */
export function cutIntoPieces({ select, heads, payloads }: PayloadSelect): string {
  const bytes = payloads.map((column) => `convert_to(${column}, 'UTF8') AS ${column}`).join(', ');
  const pieces = payloads.map(
    (column) => `encode(substring(${column} FROM part * ${pieceBytes} + 1 FOR ${pieceBytes}), 'base64') AS ${column}`,
  );
  const parts = payloads.map((column) => `(octet_length(${column}) - 1) / ${pieceBytes}`).join(', ');
  // OFFSET keeps the planner from converting a payload once for each of its pieces.
  return `SELECT ${heads.join(', ')}, part, ${pieces.join(', ')}
    FROM (SELECT ${heads.join(', ')}, ${bytes} FROM (${select}) AS whole OFFSET 0) AS converted
      CROSS JOIN LATERAL generate_series(0, greatest(0, ${parts})) AS part`;
}

const pieceRow = z.object({ part: z.number() }).catchall(z.unknown());

/** Runs a statement of {@link cutIntoPieces} and puts its rows together as they arrive. Rejects with node-postgres' errors. */
export async function readPieces(
  pool: Pool,
  text: string,
  options: { readonly values: readonly unknown[]; readonly payloads: readonly string[] },
): Promise<readonly object[]> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  const rows: PiecedRow[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const query = client.query(new Query({ text, values: [...options.values] }));
      query.on('row', (row: unknown) => {
        const { part, ...columns } = pieceRow.parse(row);
        if (part === 0) rows.push(new PiecedRow(columns, options.payloads));
        else rows.at(-1)?.add(columns, part);
      });
      query.on('end', () => resolve());
      query.on('error', reject);
    });
  } catch (error) {
    broken ??= error instanceof Error ? error : new Error('unknown error', { cause: error });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
  return rows.map((row) => row.assemble());
}

/** A row whose payloads come piece by piece, which may cut characters. */
class PiecedRow {
  readonly #first: Readonly<Record<string, unknown>>;
  readonly #texts = new Map<string, { readonly decoder: StringDecoder; readonly parts: string[] }>();
  #part = 0;

  constructor(columns: Readonly<Record<string, unknown>>, payloads: readonly string[]) {
    this.#first = columns;
    for (const name of payloads) {
      if (columns[name] !== null) this.#texts.set(name, { decoder: new StringDecoder('utf8'), parts: [] });
    }
    this.#take(columns);
  }

  add(columns: Readonly<Record<string, unknown>>, part: number): void {
    this.#part += 1;
    if (part !== this.#part) throw new StorageFault('PostgreSQL gave the pieces of a row in another order');
    this.#take(columns);
  }

  assemble(): object {
    const texts = [...this.#texts].map(([name, { parts }]) => [name, parts.join('')] as const);
    return { ...this.#first, ...Object.fromEntries(texts) };
  }

  #take(columns: Readonly<Record<string, unknown>>): void {
    for (const [name, { decoder, parts }] of this.#texts) {
      parts.push(decoder.write(Buffer.from(String(columns[name]), 'base64')));
    }
  }
}

/** The names of a select list, without those of its payloads. */
export function takeColumns(list: string, payloads: readonly string[]): readonly string[] {
  const names = list.split(', ').map((column) => column.replace(/^\w+\./, ''));
  return names.filter((name) => !payloads.includes(name));
}

function sizeOf(payloads: readonly string[]): string {
  return payloads.map((column) => `coalesce(octet_length(${column}), 0)`).join(' + ');
}

function payloadsUpTo(weight: string, payloads: readonly string[]): string {
  return payloads.map((column) => `CASE WHEN ${weight} <= ${maxReadAtOnce} THEN ${column} END AS ${column}`).join(', ');
}

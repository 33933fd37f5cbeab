export type Cell = string | number | boolean | null;
export type Row = readonly Cell[];

/** Of columns of a row type; each is the name of PostgreSQL's own type. */
const typeOids = { bigint: 20, integer: 23, text: 25 } as const;
type ColumnType = keyof typeof typeOids;
export type Column = { readonly name: string; readonly type: ColumnType };

const arrayHeaderBytes = 20;
const noBytes = -1;
const lowWord = 2 ** 32;

/** Reads a column as it is declared in SQL, such as `seq bigint`. */
export function readColumn(declaration: string): Column {
  const [name = '', type = ''] = declaration.trim().split(' ');
  if (type !== 'bigint' && type !== 'integer' && type !== 'text') throw new TypeError(`no type of a column: ${type}`);
  return { name, type };
}

/**
 * Rows as an array of a row type, in the form in which PostgreSQL sends and takes its values. It reads them from there as they are,
 * where a text is looked through for its quotes and turned into values.
 *
 * @param rowOid the number by which the database knows the row type.
 */
export function encodeRows(columns: readonly Column[], rowOid: number, rows: readonly Row[]): Buffer {
  // Rows may have further cells, which are null.
  const sizes = rows.map(
    (row) => 4 + columns.reduce((sum, { type }, at) => sum + 8 + sizeOf(type, row[at] ?? null), 0),
  );
  const bytes = Buffer.allocUnsafe(arrayHeaderBytes + sizes.reduce((sum, size) => sum + 4 + size, 0));
  let place = 0;
  const put = (word: number): void => {
    place = bytes.writeInt32BE(word, place);
  };
  // One dimension, without null for a whole row, counted from 1.
  for (const word of [1, 0]) put(word);
  place = bytes.writeUInt32BE(rowOid, place);
  for (const word of [rows.length, 1]) put(word);
  for (const [at, row] of rows.entries()) {
    put(sizes[at] ?? 0);
    put(columns.length);
    for (const [column, { type }] of columns.entries()) {
      put(typeOids[type]);
      place = writeCell(bytes, place, type, row[column] ?? null);
    }
  }
  return bytes;
}

function sizeOf(type: ColumnType, cell: Cell): number {
  if (cell === null) return 0;
  if (type === 'text') return Buffer.byteLength(String(cell));
  return type === 'bigint' ? 8 : 4;
}

/** The place after it. */
function writeCell(bytes: Buffer, place: number, type: ColumnType, cell: Cell): number {
  if (cell === null) return bytes.writeInt32BE(noBytes, place);
  if (type === 'text') {
    const written = bytes.write(String(cell), place + 4);
    bytes.writeInt32BE(written, place);
    return place + 4 + written;
  }
  const value = Number(cell);
  if (type === 'integer') return bytes.writeInt32BE(value, bytes.writeInt32BE(4, place));
  // As two words: a BigInt for each would be made and thrown away.
  const high = bytes.writeInt32BE(Math.floor(value / lowWord), bytes.writeInt32BE(8, place));
  return bytes.writeUInt32BE(value >>> 0, high);
}

/** One section of a Markdown text: from its heading to the next one of the same or a higher level. */
export function readSection(text: string, title: string): string {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === title);
  if (first < 0) throw new Error(`there is no section "${title}"`);
  const level = /^#+/.exec(lines[first] ?? '')?.[0].length ?? 1;
  // A comment in a block of shell or YAML begins as a heading does.
  let fenced = false;
  const end = lines.findIndex((line, at) => {
    if (at <= first) return false;
    if (line.startsWith('```')) fenced = !fenced;
    return !fenced && new RegExp(`^#{1,${level}} `).test(line);
  });
  return lines.slice(first, end < 0 ? undefined : end).join('\n');
}

/** The rows of the table whose first column has that name, as lists of cells. */
export function readTable(text: string, column: string): readonly (readonly string[])[] {
  const rows = fromHead(text, column).slice(2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end < 0 ? undefined : end).map(cellsOf);
}

/** The names of that table's columns. */
export function readHead(text: string, column: string): readonly string[] {
  return cellsOf(fromHead(text, column)[0] ?? '');
}

/** The blocks of code in that language. */
export function readBlocks(text: string, language: string): readonly string[] {
  return [...text.matchAll(/^```(\w*)[^\n]*\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? '');
}

/** What stands between backticks, outside fenced blocks. */
export function readCode(text: string): readonly string[] {
  return [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

function fromHead(text: string, column: string): readonly string[] {
  const lines = text.split('\n');
  const head = lines.findIndex((line) => line.startsWith('|') && cellsOf(line)[0] === column);
  if (head < 0) throw new Error(`there is no table with a first column "${column}"`);
  return lines.slice(head);
}

function cellsOf(line: string): readonly string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

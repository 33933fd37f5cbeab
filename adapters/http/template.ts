/** A path with expressions in braces, taken apart: texts and the expressions between them. */
export type PathTemplate = readonly (string | { readonly expression: string })[];

/** Takes a path apart; a string says what is wrong with its braces. */
export function parsePath(path: string): PathTemplate | string {
  const parts: (string | { readonly expression: string })[] = [];
  let rest = path;
  while (rest !== '') {
    const open = rest.indexOf('{');
    const text = open === -1 ? rest : rest.slice(0, open);
    if (text.includes('}')) return 'has a brace that closes nothing';
    if (text !== '') parts.push(text);
    if (open === -1) return parts;
    const close = rest.indexOf('}', open);
    const expression = rest.slice(open + 1, close).trim();
    if (close === -1 || expression.includes('{'))
      return 'has a brace that is not closed; an expression in a path has no braces of its own';
    if (expression === '') return 'has nothing between its braces';
    parts.push({ expression });
    rest = rest.slice(close + 1);
  }
  return parts;
}

/** The expressions of a path; none where its braces are wrong. */
export function expressionsIn(path: string): readonly string[] {
  const parsed = parsePath(path);
  if (typeof parsed === 'string') return [];
  return parsed.flatMap((part) => (typeof part === 'string' ? [] : [part.expression]));
}

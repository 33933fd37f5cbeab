import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { isExactNumber, readJson } from '../json/exact-number.ts';
import type { ConfigPath, ConfigProblem } from './config-error.ts';
import { YamlValues } from './yaml-values.ts';

export type Position = { readonly line: number; readonly column: number };

/** A parsed YAML text. `locate` finds the position of a value, or of the nearest value around it. */
export type YamlDocument = {
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  locate(path: ConfigPath): Position | undefined;
};

/**
 * Reads one YAML 1.2 document, with merge keys. Syntax errors, duplicate keys, unknown tags, and aliases that refer to
 * themselves, to nothing or to too much are problems with line and column.
 */
export function readDocument(text: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // The parser compares each key with all before it; what builds the values does not.
    uniqueKeys: false,
  });
  const values = new YamlValues();
  const value = values.build(document.contents);
  const problemAt = (offset: number, message: string, hint?: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { path: '', message: `is not valid YAML: ${message}`, ...(hint && { hint }), line, column: col };
  };
  // One syntax error makes the parser report many that follow from it, so only the first of them is kept.
  const [first] = [...document.errors, ...document.warnings];
  const mistakes = values.mistakes
    .filter(({ isDuplicate }) => isDuplicate || first === undefined)
    .sort((a, b) => a.offset - b.offset);
  const problems = [
    ...(first === undefined ? [] : [problemAt(first.pos[0], sayError(first, text))]),
    ...mistakes.map(({ offset, message, hint }) => problemAt(offset, message, hint)),
  ];

  function locate(path: ConfigPath): Position | undefined {
    const offset = findOffset(document.contents, path, values);
    if (offset === undefined) return undefined;
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  }

  for (const { offset, source } of findChangedNumbers(document)) {
    const { line, col } = lines.linePos(offset);
    const message = `has the number ${source}, which is not kept exactly; in quotes it is a text`;
    problems.push({ path: '', message, line, column: col });
  }
  return { value: problems.length > 0 ? undefined : value, problems, locate };
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Numbers that would come out of the config with another value. */
function findChangedNumbers(document: Document): readonly { readonly offset: number; readonly source: string }[] {
  const found: { offset: number; source: string }[] = [];
  visit(document, {
    Scalar(_key, { value, source, range }) {
      if (typeof value !== 'number' || source === undefined || !jsonNumber.test(source)) return;
      if (isExactNumber(readJson(source))) found.push({ offset: range?.[0] ?? 0, source });
    },
  });
  return found;
}

function sayError(error: YAMLError, text: string): string {
  if (error.message.startsWith('Maximum call stack')) return 'it is nested too deep';
  const [offset] = error.pos;
  if (text.slice(offset - 1, offset + 1) === '${') return 'inside braces or brackets a placeholder needs quotes';
  // The parser quotes the text after the colon, and the text may be a secret.
  return error.message.replace(/: ".*$/s, '');
}

function findOffset(root: Node | null, path: ConfigPath, values: YamlValues): number | undefined {
  let node: unknown = root;
  let offset = root?.range?.[0];
  for (const part of path) {
    const step = stepInto(values.follow(node), part, values);
    if (step === undefined) break;
    offset = step.offset ?? offset;
    node = step.node;
  }
  return offset;
}

/** The position of a value in a mapping is that of its key, where readers look first. */
function stepInto(
  node: unknown,
  part: string | number,
  values: YamlValues,
): { offset: number | undefined; node: unknown } | undefined {
  if (isMap(node)) {
    const pair = values.findMember(node, part);
    if (pair === undefined) return undefined;
    return { offset: isScalar(pair.key) ? pair.key.range?.[0] : undefined, node: pair.value };
  }
  if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part];
    if (item === undefined) return undefined;
    const place = values.follow(item);
    return { offset: isScalar(place) || isMap(place) || isSeq(place) ? place.range?.[0] : undefined, node: item };
  }
  return undefined;
}

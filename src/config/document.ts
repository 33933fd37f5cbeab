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

export type Position = { readonly line: number; readonly column: number };

/** A parsed YAML text. `locate` finds the position of a value, or of the nearest value around it. */
export type YamlDocument = {
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  locate(path: ConfigPath): Position | undefined;
};

/** Reads one YAML 1.2 document. Syntax errors, duplicate keys and unknown tags are problems with line and column. */
export function readDocument(text: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: true });
  const problems = findIndependent([...document.errors, ...document.warnings]).map((error): ConfigProblem => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { path: '', message: `is not valid YAML: ${sayError(error, text)}`, line, column: col };
  });

  function locate(path: ConfigPath): Position | undefined {
    const offset = findOffset(document.contents, path);
    if (offset === undefined) return undefined;
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  }

  for (const { offset, source } of findChangedNumbers(document)) {
    const { line, col } = lines.linePos(offset);
    const message = `has the number ${source}, which is not kept exactly; in quotes it is a text`;
    problems.push({ path: '', message, line, column: col });
  }
  if (problems.length > 0) return { value: undefined, problems, locate };
  try {
    return { value: document.toJS(), problems, locate };
  } catch (error) {
    // Only here does the parser find aliases that multiply or that name no anchor.
    const reason = error instanceof Error ? error.message : 'it cannot be read';
    return { value: undefined, problems: [{ path: '', message: `is not valid YAML: ${reason}` }], locate };
  }
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

/** One syntax error makes the parser report many that follow from it, so only the first of them is kept. */
function findIndependent(errors: readonly YAMLError[]): readonly YAMLError[] {
  const first = errors.find((error) => error.code !== 'DUPLICATE_KEY');
  return errors.filter((error) => error.code === 'DUPLICATE_KEY' || error === first);
}

function sayError(error: YAMLError, text: string): string {
  if (error.code === 'DUPLICATE_KEY') return 'the key stands twice in one mapping';
  const [offset] = error.pos;
  if (text.slice(offset - 1, offset + 1) === '${') return 'inside braces or brackets a placeholder needs quotes';
  // The parser quotes the text after the colon, and the text may be a secret.
  return error.message.replace(/: ".*$/s, '');
}

function findOffset(root: Node | null, path: ConfigPath): number | undefined {
  let node: unknown = root;
  let offset = root?.range?.[0];
  for (const part of path) {
    const step = stepInto(node, part);
    if (step === undefined) break;
    offset = step.offset ?? offset;
    node = step.node;
  }
  return offset;
}

/** The position of a value in a mapping is that of its key, where readers look first. */
function stepInto(node: unknown, part: string | number): { offset: number | undefined; node: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
    if (pair === undefined) return undefined;
    return { offset: isScalar(pair.key) ? pair.key.range?.[0] : undefined, node: pair.value };
  }
  if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part];
    if (item === undefined) return undefined;
    return { offset: isScalar(item) || isMap(item) || isSeq(item) ? item.range?.[0] : undefined, node: item };
  }
  return undefined;
}

import { readFileSync } from 'node:fs';
import { parseSync } from 'oxc-parser';

/** A node of the syntax tree, in the ESTree form. */
export type SyntaxNode = { readonly type: string; readonly start: number; readonly [member: string]: unknown };

export type SourceSyntax = { readonly text: string; readonly body: readonly SyntaxNode[] };

/** The statements of a TypeScript file. Throws for one that cannot be parsed. */
export function parseSource(path: string): SourceSyntax {
  return parseText(path, readFileSync(path, 'utf8'));
}

export function parseText(path: string, text: string): SourceSyntax {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]?.message}`);
  return { text, body: program.body as unknown as readonly SyntaxNode[] };
}

/** The node and everything in it. */
function* nodesIn(value: unknown): Generator<SyntaxNode> {
  if (typeof value !== 'object' || value === null) return;
  if (isNode(value)) yield value;
  for (const member of Object.values(value)) yield* nodesIn(member);
}

export function lineOf({ text }: SourceSyntax, { start }: SyntaxNode): number {
  return text.slice(0, start).split('\n').length;
}

/** What a statement declares, whether it is exported or not. */
function declarationOf(statement: SyntaxNode): SyntaxNode {
  return isNode(statement.declaration) ? statement.declaration : statement;
}

/** Names that a statement exports; an overload's name comes once for each signature with a body. */
export function exportedNames(statement: SyntaxNode): readonly string[] {
  const { declaration } = statement;
  if (!statement.type.startsWith('Export') || !isNode(declaration) || declaration.type === 'TSDeclareFunction')
    return [];
  const declarations = declaration.type === 'VariableDeclaration' ? nodesOf(declaration.declarations) : [declaration];
  return declarations.flatMap(({ id }) => (isNode(id) && typeof id.name === 'string' ? [id.name] : []));
}

/** Every function, method, constructor and function type with its number of parameters. */
export function functionsIn(syntax: SourceSyntax): readonly { readonly line: number; readonly parameters: number }[] {
  return [...nodesIn(syntax.body)]
    .filter(({ type, params }) => Array.isArray(params) && !type.startsWith('TSTypeParameter'))
    .map((node) => ({ line: lineOf(syntax, node), parameters: nodesOf(node.params).length }));
}

/**
 * Whether a statement leaves nothing to run but an error class, `assertNever` or a constant table: types, imports,
 * classes that extend `Error`, and `as const` values without a function in them.
 */
export function isDeclarative(statement: SyntaxNode): boolean {
  const declared = declarationOf(statement);
  switch (declared.type) {
    case 'ImportDeclaration':
    case 'TSTypeAliasDeclaration':
    case 'TSInterfaceDeclaration':
      return true;
    case 'ClassDeclaration':
      return isNode(declared.superClass) && declared.superClass.name === 'Error';
    case 'FunctionDeclaration':
      return isNode(declared.id) && declared.id.name === 'assertNever';
    case 'VariableDeclaration':
      return declared.kind === 'const' && nodesOf(declared.declarations).every(({ init }) => isTable(init));
    default:
      return false;
  }
}

/** `… as const`, with or without `satisfies`. */
function isTable(value: unknown): boolean {
  if (!isNode(value)) return false;
  if (value.type === 'TSSatisfiesExpression') return isTable(value.expression);
  if (value.type !== 'TSAsExpression') return false;
  return ![...nodesIn(value.expression)].some(({ type }) => /Function|Call|New|Class/.test(type));
}

function nodesOf(value: unknown): readonly SyntaxNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

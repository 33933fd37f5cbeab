import type { ExpressionSyntax } from '../../src/contract/adapter/expressions.ts';
import { isSecret } from './members.ts';
import { type ExpressionPlace, expressionsOf, type Scope } from './places.ts';
import type { VendorProblem } from './problems.ts';
import { readMember, type VendorFile } from './schema.ts';
import { parsePath } from './template.ts';

/**
 * Finds expressions that cannot work: those that do not parse, and those that read a name which is not in their scope or not
 * declared. JSONata gives nothing for a misspelt path, so that nothing else would ever say so.
 */
export function checkExpressions(file: VendorFile, syntax: ExpressionSyntax): readonly VendorProblem[] {
  return expressionsOf(file).flatMap((place) => {
    const mistake = syntax.findMistake(place.text);
    if (mistake !== undefined) return [{ keys: place.keys, message: mistake }];
    return checkScope(place, file, syntax);
  });
}

function checkScope(
  { keys, text, scope }: ExpressionPlace,
  file: VendorFile,
  syntax: ExpressionSyntax,
): readonly VendorProblem[] {
  if (scope === null) return [];
  const problems = new Map<string, VendorProblem>();
  for (const path of syntax.pathsOf(text)) {
    const problem = checkPath(path, scope, file);
    if (problem !== null) problems.set(problem.message, { keys, ...problem });
  }
  return [...problems.values()];
}

function checkPath(
  [first = '', second]: readonly string[],
  scope: Scope,
  file: VendorFile,
): Omit<VendorProblem, 'keys'> | null {
  const members = Object.hasOwn(scope, first) ? scope[first] : undefined;
  if (members === undefined) {
    const known = Object.keys(scope);
    if (first === 'sink') {
      return { message: 'reads sink, which is there only with "push: { perRun: true }" and in the start' };
    }
    const names = known.join(', ');
    return { message: `reads ${first}, which is not in scope here; there are ${names}`, given: first, known };
  }
  if (first === 'settings' && second !== undefined && isSecret(file.settings[second])) {
    return { message: `reads the secret settings.${second}; only auth names secrets` };
  }
  if (second === undefined || members === 'any' || members.includes(second)) return null;
  if (members.length === 0) return { message: `reads ${first}.${second}, but ${first} has no members` };
  const message = `reads ${first}.${second}, which is not declared; ${first} has ${members.join(', ')}`;
  return { message, given: second, known: members };
}

/** Checks the path of a request: its braces, what stands outside of them, and that its values are always there. */
export function checkPathTemplate(
  path: string,
  keys: readonly (string | number)[],
  file: VendorFile,
): readonly VendorProblem[] {
  const guarded = guardedNames(keys, file);
  const at = [...keys, 'path'];
  const parsed = parsePath(path);
  if (typeof parsed === 'string') return [{ keys: at, message: parsed }];
  const problems: VendorProblem[] = [];
  for (const part of parsed) {
    if (typeof part === 'string') {
      if (/[?#\s]/.test(part))
        problems.push({ keys: at, message: 'must have no spaces, and no query: that is "query"' });
      if (/(^|\/)\.\.?(\/|$)/.test(part)) problems.push({ keys: at, message: 'must have no parts that are dots only' });
      continue;
    }
    const [, scope, name = ''] = /^(target|settings|config)\.(\w+)$/.exec(part.expression) ?? [];
    const written = scope === 'target' ? file.target[name] : scope === 'settings' ? file.settings[name] : undefined;
    if (guarded.includes(part.expression)) continue;
    if (scope === 'config' || (written !== undefined && readMember(written).isOptional)) {
      const guard = keys[0] === 'results' ? `, or ask for the result only "when: ${part.expression}"` : '';
      const remedy = scope === 'config' ? '' : `; declare it without "?"${guard}`;
      problems.push({ keys: at, message: `needs ${part.expression}, which may be left out${remedy}` });
    }
  }
  return problems;
}

/** Members that have a value whenever the result is asked for: those that its `when` names, alone or joined by `and`. */
function guardedNames([first, name]: readonly (string | number)[], { results }: VendorFile): readonly string[] {
  const when = first === 'results' ? results?.[String(name)]?.when : undefined;
  const names = when?.trim().split(/\s+and\s+/) ?? [];
  return names.every((each) => /^(target|settings)\.\w+$/.test(each)) ? names : [];
}

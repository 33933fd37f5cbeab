import { findNearest } from '../collections/nearest-word.ts';
import type { ConfigPath } from './config-error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the file that `${FILE:path}` names. Throws an Error whose message says why the file cannot be read. */
export type ReadSecretFile = (path: string) => Promise<string>;

/** The hint is the nearest name that the environment has. */
export type PlaceholderProblem = { readonly message: string; readonly hint?: string | undefined };

export type InterpolatedScalar = {
  readonly path: ConfigPath;
  /** Whether the scalar was one whole `${…}`, which may stand for a number or a boolean. */
  readonly whole: boolean;
  readonly problems: readonly PlaceholderProblem[];
  /** Texts of secret files, and values of variables whose names mark them as secret. */
  readonly secrets: readonly string[];
};

export type Interpolation = { readonly value: unknown; readonly scalars: readonly InterpolatedScalar[] };

/** Whether a value is text of another language, in which `${` has a meaning of its own. */
export type IsVerbatim = (path: ConfigPath, value: unknown) => boolean;

const token = /\$\$\{|\$\{([^}]*)\}|\$\{/g;
const variable = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
/** A whole value, or the part of a URL, that a shell, Kubernetes or PowerShell would replace. `$$` in its place escapes. */
const bareVariable = /^\$\(?(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\)?$/;
const bareVariableInUrl = /^[a-z][a-z0-9+.-]*:\/\/(?:\S*[/:@=])?\$([A-Z][A-Z0-9_]+)/;
const escapedInUrl = /^([a-z][a-z0-9+.-]*:\/\/(?:\S*[/:@=])?)\$(?=\$[A-Z][A-Z0-9_]+)/;
const escaped = /^\$(\$\(?[A-Za-z_][A-Za-z0-9_:]*\)?)$/;
/** Of all texts that placeholders give, in characters: one file may be named at every value. */
const maxGiven = 32 * 1024 * 1024;
const secretName = /KEY|TOKEN|SECRET|PASSW|CREDENTIAL/i;

/**
 * Replaces `${NAME}`, `${NAME:-default}` and `${FILE:path}` in every string of a parsed document; `$${` gives `${`,
 * and `$$NAME` as a whole value gives `$NAME`, which alone is refused: it was meant to be replaced.
 * The document is already parsed, so a value can never become YAML. Keys are not replaced.
 */
export async function interpolate(
  value: unknown,
  env: Environment,
  readFile: ReadSecretFile,
  isVerbatim: IsVerbatim,
): Promise<Interpolation> {
  const scalars: InterpolatedScalar[] = [];
  const files = new Map<string, Promise<string>>();
  let given = 0;

  const readOnce: ReadSecretFile = (path) => {
    const text = files.get(path) ?? readFile(path);
    files.set(path, text);
    return text;
  };

  async function walk(node: unknown, path: ConfigPath): Promise<unknown> {
    if (isVerbatim(path, node)) return node;
    if (typeof node === 'string') return await replace(node, path);
    if (Array.isArray(node)) {
      const items: unknown[] = [];
      for (const [index, item] of node.entries()) items.push(await walk(item, [...path, index]));
      return items;
    }
    if (typeof node === 'object' && node !== null) {
      const members: [string, unknown][] = [];
      for (const [key, member] of Object.entries(node)) members.push([key, await walk(member, [...path, key])]);
      return Object.fromEntries(members);
    }
    return node;
  }

  async function replace(text: string, path: ConfigPath): Promise<string> {
    const matches = [...text.matchAll(token)];
    if (matches.length === 0) return readPlain(text, path);
    const problems: PlaceholderProblem[] = [];
    const secrets: string[] = [];
    let result = '';
    let end = 0;
    for (const match of matches) {
      result += text.slice(end, match.index);
      end = match.index + match[0].length;
      if (match[0] === '$${') {
        result += '${';
        continue;
      }
      const found = await lookUp(match[1], env, readOnce);
      given += found.kind === 'problem' ? 0 : found.value.length;
      if (given > maxGiven) {
        problems.push({ message: `makes the placeholders of the config give more than ${maxGiven} characters` });
        break;
      }
      if (found.kind === 'problem') problems.push({ message: found.message, hint: found.hint });
      else result += found.value;
      if (found.kind === 'secret') secrets.push(found.value);
    }
    result += text.slice(end);
    const whole = matches.length === 1 && matches[0]?.[0] === text && text !== '$${';
    scalars.push({ path, whole, problems, secrets });
    return result;
  }

  function readPlain(text: string, path: ConfigPath): string {
    const name = (bareVariable.exec(text) ?? bareVariableInUrl.exec(text))?.[1];
    if (name !== undefined) {
      const message = `holds $${name}, which is not replaced; write \${${name}}, or $$${name} for the characters themselves`;
      scalars.push({ path, whole: false, problems: [{ message }], secrets: [] });
    }
    return text.replace(escaped, '$1').replace(escapedInUrl, '$1');
  }

  return { value: await walk(value, []), scalars };
}

type Found =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'secret'; readonly value: string }
  | ({ readonly kind: 'problem' } & PlaceholderProblem);

async function lookUp(inner: string | undefined, env: Environment, readFile: ReadSecretFile): Promise<Found> {
  if (inner === undefined)
    return problem('has a "${" that is never closed; write "$${" for the characters "${" themselves');
  const [, name, fallback] = variable.exec(inner) ?? [];
  if (name !== undefined) return lookUpVariable(name, fallback, env);
  if (inner.startsWith('FILE:')) return await lookUpFile(inner.slice('FILE:'.length), readFile);
  return problem('has a placeholder that names no variable; write "$${" for the characters "${" themselves');
}

function lookUpVariable(name: string, fallback: string | undefined, env: Environment): Found {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  // As in a shell, a default also stands in for an empty value.
  if (fallback !== undefined && (value === undefined || value === '')) return { kind: 'value', value: fallback };
  if (value !== undefined) return { kind: secretName.test(name) ? 'secret' : 'value', value: withoutLineBreak(value) };
  const message = `the environment has no ${name}; set it, or give a default as \${${name}:-default}`;
  return problem(message, findNearest(name, Object.keys(env)));
}

async function lookUpFile(path: string, readFile: ReadSecretFile): Promise<Found> {
  try {
    return { kind: 'secret', value: withoutLineBreak(await readFile(path)) };
  } catch (error) {
    return problem(`the file ${path} cannot be read: ${error instanceof Error ? error.message : 'unknown reason'}`);
  }
}

/** Editors and `echo` end a text with a line break, also one that a cluster hands on in a variable. */
function withoutLineBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function problem(message: string, hint?: string): Found {
  return { kind: 'problem', message, hint };
}

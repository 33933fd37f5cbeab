import type { ExpressionSyntax } from '../../src/contract/adapter/expressions.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { checkAuth } from './check-auth.ts';
import { checkExpressions, checkPathTemplate } from './check-expressions.ts';
import { checkFaults } from './check-faults.ts';
import { type expressionsOf, expressionsOfRequest, requestsOf } from './places.ts';
import type { VendorProblem } from './problems.ts';
import { readMember, type VendorFile } from './schema.ts';

/** Headers that belong to the connection, or to what is sent over it. */
const reservedHeaders = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
  'trailer',
];

export type CheckDeps = {
  readonly syntax: ExpressionSyntax;
  /** Keys that every backend has. */
  readonly sharedKeys: readonly string[];
};

/** Everything that is wrong with a file whose shape is right. The mapping's own problems are found by its compiler. */
export function checkVendorFile(file: VendorFile, { syntax, sharedKeys }: CheckDeps): readonly VendorProblem[] {
  return [
    ...checkSettings(file, sharedKeys),
    ...checkAuth(file),
    ...checkHeaders(file),
    ...checkExpressions(file, syntax),
    ...checkRequests(file, syntax),
    ...checkStart(file, syntax),
    ...checkResults(file),
    ...checkFaults(file),
    ...checkStatuses(file, syntax),
    ...checkResume(file),
  ];
}

function checkSettings({ settings }: VendorFile, sharedKeys: readonly string[]): readonly VendorProblem[] {
  return Object.keys(settings)
    .filter((name) => sharedKeys.includes(name))
    .map((name) => ({ keys: ['settings', name], message: 'is a key that every backend has', isKey: true }));
}

function checkHeaders(file: VendorFile): readonly VendorProblem[] {
  const all = [
    { keys: [] as readonly string[], headers: file.headers },
    ...requestsOf(file).map(({ keys, request }) => ({ keys, headers: request.headers })),
  ];
  return all.flatMap(({ keys, headers }) =>
    Object.keys(headers ?? {}).flatMap((name) => {
      const at = [...keys, 'headers', name];
      if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
        return [{ keys: at, message: 'is no name of a header', isKey: true }];
      const isReserved = reservedHeaders.includes(name.toLowerCase());
      return isReserved ? [{ keys: at, message: 'is a header that is not for files to set', isKey: true }] : [];
    }),
  );
}

function checkRequests(file: VendorFile, syntax: ExpressionSyntax): readonly VendorProblem[] {
  return requestsOf(file).flatMap((place) => {
    const { keys, request, step } = place;
    const problems: VendorProblem[] = [];
    if (request.path !== undefined) problems.push(...checkPathTemplate(request.path, keys, file));
    if (request.body !== undefined && request.form !== undefined) {
      problems.push({ keys: [...keys, 'form'], message: 'stands beside body; a request has one of them', isKey: true });
    }
    const hasBody = request.body !== undefined || request.form !== undefined;
    if (request.method === 'GET' && hasBody) {
      problems.push({
        keys: [...keys, request.body === undefined ? 'form' : 'body'],
        message: 'is not sent with GET',
        isKey: true,
      });
    }
    if (request.base !== undefined) problems.push(...checkBase(request.base, keys, file, syntax));
    const isOfRun = (step === 'observe' && keys[0] !== 'find') || step === 'cancel' || step === 'resume';
    if (isOfRun && !reads(expressionsOfRequest(place), 'upstream', syntax)) {
      const message = "names no run: its path, query or body must read upstream.runId or another of the run's ids";
      problems.push({ keys, message, isKey: true });
    }
    return problems;
  });
}

function checkBase(
  base: string,
  keys: readonly string[],
  file: VendorFile,
  syntax: ExpressionSyntax,
): readonly VendorProblem[] {
  const at = [...keys, 'base'];
  if (syntax.findMistake(base) !== undefined) return [];
  const constant = syntax.constantOf(base);
  if (typeof constant === 'string') {
    return isPlainUrl(constant) ? [] : [{ keys: at, message: 'must be an http or https URL without credentials' }];
  }
  const [, scope, name = ''] = /^(target|settings)\.(\w+)$/.exec(base) ?? [];
  const written = scope === 'target' ? file.target[name] : scope === 'settings' ? file.settings[name] : undefined;
  if (written !== undefined && readMember(written).kind === 'url') return [];
  return [{ keys: at, message: 'must name a setting or a target member that is a url, or be a URL in quotes' }];
}

function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

function checkStart(file: VendorFile, syntax: ExpressionSyntax): readonly VendorProblem[] {
  const { start, push } = file;
  const inStart = expressionsOfRequest({ step: 'start', keys: ['start'], request: start, scope: {} });
  const problems: VendorProblem[] = [];
  if (start.id === undefined && start.finished === undefined) {
    problems.push({ keys: ['start'], message: 'has no id, so that the run could not be asked for', isKey: true });
  }
  if (start.once !== undefined && !reads(inStart, 'run', syntax)) {
    const message = 'promises that the vendor knows a start again, but the request does not carry run.id';
    problems.push({ keys: ['start', 'once'], message, isKey: true });
  }
  if (push?.perRun === true && !reads(inStart, 'sink', syntax)) {
    const message = 'promises that the vendor takes a URL, but the start does not carry sink.url';
    problems.push({ keys: ['push', 'perRun'], message, isKey: true });
  }
  if (push?.id !== undefined && (start.once !== undefined || file.find !== undefined)) {
    const message = 'is never used next to start.once or find, which settle a lost start sooner';
    problems.push({ keys: ['push', 'id'], message, isKey: true });
  }
  if (push?.id !== undefined && start.keep !== undefined) {
    const message = 'gives one id, but later requests need those of start.keep too';
    problems.push({ keys: ['push', 'id'], message, isKey: true });
  }
  if (file.find !== undefined) problems.push(...checkFind(file, file.find, syntax));
  return problems;
}

function checkFind(
  file: VendorFile,
  find: NonNullable<VendorFile['find']>,
  syntax: ExpressionSyntax,
): readonly VendorProblem[] {
  const problems: VendorProblem[] = [];
  const inRequest = expressionsOfRequest({ step: 'observe', keys: ['find'], request: find, scope: {} });
  if (!reads([...inRequest, { keys: ['find', 'id'], text: find.id, scope: null }], 'run', syntax)) {
    const message = 'does not read run.id (inside brackets: $$.run.id), so that it could find the run of another start';
    problems.push({ keys: ['find'], message, isKey: true });
  }
  if (!reads(expressionsOfRequest({ step: 'start', keys: ['start'], request: file.start, scope: {} }), 'run', syntax)) {
    const message = 'searches for run.id, but the start does not carry it';
    problems.push({ keys: ['find'], message, isKey: true });
  }
  if (file.start.once !== undefined) {
    const message = 'is never used next to start.once, which sends a start again instead';
    problems.push({ keys: ['find'], message, isKey: true });
  }
  return problems;
}

function checkResults({ results }: VendorFile): readonly VendorProblem[] {
  return Object.entries(results ?? {}).flatMap(([name, { path, url }]) => {
    const keys = ['results', name];
    if (name === 'run' || name === 'error' || name === 'cut') {
      return [{ keys, message: 'is a name that the data of a mapping has already', isKey: true }];
    }
    if (path === undefined && url === undefined) return [{ keys, message: 'has neither path nor url', isKey: true }];
    if (path !== undefined && url !== undefined) {
      return [{ keys: [...keys, 'url'], message: 'stands beside path; a result has one of them', isKey: true }];
    }
    return [];
  });
}

/** Statuses that the file itself says must have a row, or the run would never end. */
function checkStatuses(file: VendorFile, syntax: ExpressionSyntax): readonly VendorProblem[] {
  const { status } = file.mapping;
  if (!isJsonObject(status)) return [];
  const known = Object.keys(status);
  const { finished } = file.start;
  const isReadable = finished !== undefined && syntax.findMistake(finished) === undefined;
  const constant = isReadable ? syntax.constantOf(finished) : undefined;
  const named = [
    ...(typeof constant === 'string' ? [{ keys: ['start', 'finished'], word: constant }] : []),
    ...Object.entries(file.results ?? {}).flatMap(([name, { on }]) =>
      on.map((word, index) => ({ keys: ['results', name, 'on', index], word })),
    ),
    ...file.faults.flatMap((row, index) =>
      row.status === undefined ? [] : [{ keys: ['faults', index, 'status'], word: row.status }],
    ),
  ];
  return named
    .filter(({ word }) => !known.includes(word))
    .map(({ keys, word }) => ({ keys, message: 'has no row in mapping.status', given: word, known }));
}

function checkResume({ mapping, resume }: VendorFile): readonly VendorProblem[] {
  if (resume !== undefined) return [];
  const message = 'interrupts a run, but the file has no resume that could go on with it';
  if (mapping.interrupt !== undefined) return [{ keys: ['mapping', 'interrupt'], message, isKey: true }];
  const { status } = mapping;
  if (!isJsonObject(status)) return [];
  return Object.entries(status)
    .filter(([, row]) => JSON.stringify(row ?? null).includes('"interrupted"'))
    .map(([word]) => ({ keys: ['mapping', 'status', word], message, isKey: true }));
}

function reads(places: ReturnType<typeof expressionsOf>, name: string, syntax: ExpressionSyntax): boolean {
  return places.some(({ text, keys }) => {
    if (keys.at(-1) === 'refused' || syntax.findMistake(text) !== undefined) return false;
    return syntax.pathsOf(text).some(([first]) => first === name);
  });
}

import type { FaultStep, VendorFile, VendorRequest } from './schema.ts';
import { expressionsIn } from './template.ts';

/** The names that an expression may read: each with the members that it has, or `any`. */
export type Scope = Readonly<Record<string, readonly string[] | 'any'>>;

/** An expression of a vendor file. */
export type ExpressionPlace = {
  /** Where it stands, such as `['start', 'query', 'limit']`. */
  readonly keys: readonly (string | number)[];
  readonly text: string;
  /** Null: its data is a vendor's, so that any name may be there. */
  readonly scope: Scope | null;
};

/** One request of a file, with the step that it makes and what its expressions see. */
export type RequestPlace = {
  readonly step: FaultStep;
  readonly keys: readonly string[];
  readonly request: VendorRequest;
  readonly scope: Scope;
};

const answer: Scope = { body: 'any', status: [], headers: 'any' };
/** The answer to a search, which may list the runs of others. */
const found: Scope = { ...answer, run: ['id'] };

/** Every request of a file. */
export function requestsOf(file: VendorFile): readonly RequestPlace[] {
  const scopes = scopesOf(file);
  const results = Object.entries(file.results ?? {});
  return [
    { step: 'start', keys: ['start'], request: file.start, scope: scopes.start },
    { step: 'observe', keys: ['observe'], request: file.observe, scope: scopes.run },
    ...results.map(([name, request]) => {
      return { step: 'result', keys: ['results', name], request, scope: scopes.result } as const;
    }),
    ...(file.find === undefined
      ? []
      : [{ step: 'observe', keys: ['find'], request: file.find, scope: scopes.find } as const]),
    ...(file.resume === undefined
      ? []
      : [{ step: 'resume', keys: ['resume'], request: file.resume, scope: scopes.resume } as const]),
    ...(file.cancel === undefined
      ? []
      : [{ step: 'cancel', keys: ['cancel'], request: file.cancel, scope: scopes.run } as const]),
  ];
}

/** Every expression of a file but those of its mapping. */
export function expressionsOf(file: VendorFile): readonly ExpressionPlace[] {
  const { target, settings } = scopesOf(file).run;
  const common = { target, settings } as Scope;
  return [
    ...members(['headers'], file.headers, common),
    ...one(['error'], file.error, null),
    ...requestsOf(file).flatMap(expressionsOfRequest),
    ...one(['start', 'id'], file.start.id, answer),
    ...members(['start', 'keep'], file.start.keep, answer),
    ...one(['start', 'finished'], file.start.finished, answer),
    ...one(['observe', 'status'], file.observe.status, answer),
    ...one(['observe', 'notBefore'], file.observe.notBefore, answer),
    ...Object.entries(file.results ?? {}).flatMap(([name, { when, url, pages }]) => [
      ...one(['results', name, 'when'], when, scopesOf(file).result),
      ...one(['results', name, 'url'], url, scopesOf(file).result),
      ...one(['results', name, 'pages', 'items'], pages?.items, answer),
      ...one(['results', name, 'pages', 'next'], pages?.next, answer),
    ]),
    ...one(['find', 'id'], file.find?.id, found),
    ...members(['find', 'keep'], file.find?.keep, found),
    ...one(['resume', 'id'], file.resume?.id, answer),
    ...members(['resume', 'keep'], file.resume?.keep, answer),
    ...one(['push', 'id'], file.push?.id, { body: 'any' }),
    ...one(['push', 'account', 'id'], file.push?.account?.id, { body: 'any', headers: 'any' }),
    ...file.faults.flatMap(({ when }, index) => one(['faults', index, 'when'], when, answer)),
  ];
}

/** The expressions of a request, but not those on its answer. */
export function expressionsOfRequest({ keys, request, scope }: RequestPlace): readonly ExpressionPlace[] {
  return [
    ...expressionsIn(request.path ?? '').map((text) => ({ keys: [...keys, 'path'], text, scope })),
    ...one([...keys, 'base'], request.base, scope),
    ...members([...keys, 'query'], request.query, scope),
    ...members([...keys, 'headers'], request.headers, scope),
    ...one([...keys, 'body'], request.body, scope),
    ...members([...keys, 'form'], request.form, scope),
    ...one([...keys, 'refused'], request.refused, answer),
  ];
}

function scopesOf({ settings, target, config, start, resume, push }: VendorFile) {
  const shared: Scope = { target: Object.keys(target), settings: Object.keys(settings) };
  const kept = [...Object.keys(start.keep ?? {}), ...Object.keys(resume?.keep ?? {})];
  const run: Scope = { ...shared, upstream: ['runId', ...kept] };
  const sink: Scope = push?.perRun === true ? { sink: ['url'] } : {};
  return {
    start: { input: 'any', config, ...shared, run: ['id'], ...sink } satisfies Scope as Scope,
    run,
    find: { ...shared, run: ['id'] } satisfies Scope as Scope,
    result: { ...run, run: 'any' } satisfies Scope as Scope,
    resume: { ...run, resumption: 'any', delivery: ['id'] } satisfies Scope as Scope,
  };
}

function one(keys: ExpressionPlace['keys'], text: string | undefined, scope: Scope | null): readonly ExpressionPlace[] {
  return text === undefined ? [] : [{ keys, text, scope }];
}

function members(
  keys: ExpressionPlace['keys'],
  all: Readonly<Record<string, string>> | undefined,
  scope: Scope,
): readonly ExpressionPlace[] {
  return Object.entries(all ?? {}).map(([name, text]) => ({ keys: [...keys, name], text, scope }));
}

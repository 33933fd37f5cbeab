import { expect, test } from 'vitest';
import { problemsOf } from './complete-file.ts';

const find = { path: '/jobs/{run.id}', id: 'body.id' };

test('a file whose vendor names the run of a lost start in its call is taken', () => {
  const changes = { 'start.once': undefined, 'start.keep': undefined, 'resume.path': '/runs/{upstream.runId}' };
  expect(problemsOf({ ...changes, 'push.id': 'body.run.id' })).toEqual([]);
});

test('a file that searches for lost starts is taken', () => {
  expect(problemsOf({ 'start.once': undefined, find })).toEqual([]);
  const searched = { path: '/jobs', query: { limit: "'10'" }, id: 'body[tag = $$.run.id].id' };
  expect(problemsOf({ 'start.once': undefined, find: searched })).toEqual([]);
});

const rows: readonly (readonly [what: string, changes: Readonly<Record<string, unknown>>, problem: string])[] = [
  [
    'a search that may find the run of another start',
    { 'start.once': undefined, find: { path: '/jobs', id: 'body[tag = run.id].id' } },
    'find: does not read run.id (inside brackets: $$.run.id), so that it could find the run of another start',
  ],
  [
    'a search for an id that the start does not carry',
    { 'start.once': undefined, 'start.body': 'input', find, push: undefined },
    'find: searches for run.id, but the start does not carry it',
  ],
  [
    'an id in a call that is no plain path',
    { 'start.once': undefined, 'start.keep': undefined, 'push.id': 'body.runs[0].id' },
    'push.id: "body.runs[0].id" must be a plain path such as body.run.id',
  ],
  ['an id in a call next to repeated starts', { 'push.id': 'body.id' }, 'push.id: is never used next to start.once'],
  [
    'an id in a call next to a search',
    { 'start.once': undefined, 'start.keep': undefined, find, 'push.id': 'body.id' },
    'push.id: is never used next to start.once or find',
  ],
  [
    'an id in a call where later requests need more ids',
    { 'start.once': undefined, 'push.id': 'body.id' },
    'push.id: gives one id, but later requests need those of start.keep too',
  ],
  [
    'an id in the calls for an account, which has its own',
    { push: { id: 'body.id', account: { id: 'body.id', verify: { standardWebhooks: 'webhookSecret' } } } },
    'push: has an id without perRun',
  ],
  ['a search next to repeated starts', { find }, 'find: is never used next to start.once'],
  [
    'a search that names a run of the vendor',
    { 'start.once': undefined, find: { path: '/runs/{upstream.runId}', id: 'body[tag = $$.run.id].id' } },
    'reads upstream, which is not in scope here',
  ],
];

test.each(rows)('%s is refused', (_what, changes, problem) => {
  expect(problemsOf(changes).join('\n')).toContain(problem);
});

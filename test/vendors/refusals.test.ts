import { expect, test } from 'vitest';
import { parseVendor } from '../../src/config/vendor-files.ts';
import { problemsOf, right } from './complete-file.ts';

test('a file with every key of the language is taken', () => {
  expect(problemsOf({})).toEqual([]);
});

test.each(['target.folder', 'target.job and target.folder'])(
  'a result that is asked for when %s may have the folder in its path',
  (when) => {
    const path = '/runs/{upstream.runId}/{target.folder}';
    expect(problemsOf({ 'results.items.path': path, 'results.items.when': when })).toEqual([]);
  },
);

const rows: readonly (readonly [what: string, changes: Readonly<Record<string, unknown>>, problem: string])[] = [
  ['an unknown key', { pushes: {} }, 'pushes: is not a known key; did you mean "push"?'],
  ['an unknown key of a request', { 'start.quary': {} }, 'start.quary: is not a known key; did you mean "query"?'],
  [
    'an unknown key of a result',
    { 'results.file.optinal': true },
    'results.file.optinal: is not a known key; did you mean "optional"?',
  ],
  ['a missing part', { observe: undefined }, 'observe: is required'],
  ['a file without a mapping', { mapping: undefined }, 'mapping: is required'],
  [
    'a mapping without statuses',
    {
      'mapping.status': undefined,
      'start.finished': undefined,
      'results.items': undefined,
      'results.file': undefined,
      results: undefined,
      faults: [],
    },
    'mapping.status: has no status table',
  ],
  [
    'a kind that is none',
    { 'settings.region': 'txt' },
    'settings.region: "txt" must be text or text? or part or part? or path or path? or url or url? or json or json? or secret or secret?; did you mean "text"?',
  ],
  [
    'a secret of a target',
    { 'target.job': 'secret' },
    'target.job: "secret" must be text or text? or part or part? or path or path? or url or url? or json or json?',
  ],
  ['an expression that does not parse', { 'start.id': 'body.(' }, 'the expression does not parse'],
  ['a misspelt function', { 'start.id': '$strin(body.id)' }, 'nothing defines $strin; did you mean $string?'],
  [
    'a name that is not in scope',
    { 'observe.path': '/runs/{input.id}/{upstream.runId}' },
    'observe.path: "/runs/{input.id}/{upstream.runId}" reads input, which is not in scope here; there are target, settings, upstream',
  ],
  [
    'a misspelt member of a scope',
    { 'observe.path': '/runs/{upstream.runid}' },
    'reads upstream.runid, which is not declared; upstream has runId, thread; did you mean "runId"?',
  ],
  [
    'a member of the target that is not declared',
    { 'start.body': 'target.jop' },
    'reads target.jop, which is not declared; target has job, folder, options; did you mean "job"?',
  ],
  [
    'a member of the config that is not declared',
    { 'start.body': 'config.prio' },
    'reads config.prio, which is not declared; config has priority',
  ],
  [
    'a setting that is not declared',
    { 'headers.x-region': 'settings.regoin' },
    'reads settings.regoin, which is not declared; settings has token, region, eventsUrl, webhookSecret; did you mean "region"?',
  ],
  [
    'a secret in an expression',
    { 'start.body': "{ 'key': settings.token }" },
    'reads the secret settings.token; only auth names secrets',
  ],
  ['the answer in a request', { 'start.body': 'body.id' }, 'reads body, which is not in scope here'],
  ['a member of a number', { 'observe.status': 'status.code' }, 'reads status.code, but status has no members'],
  [
    'a sink that the file does not promise',
    { push: undefined },
    'reads sink, which is there only with "push: { perRun: true }" and in the start',
  ],
  [
    'a promised sink that is not sent',
    { 'start.body': "{ 'key': run.id }" },
    'push.perRun: promises that the vendor takes a URL, but the start does not carry sink.url',
  ],
  [
    'a start that promises once and does not carry the id',
    { 'start.body': "{ 'hook': sink.url }" },
    'start.once: promises that the vendor knows a start again, but the request does not carry run.id',
  ],
  [
    'a start without an id',
    { 'start.id': undefined, 'start.finished': undefined },
    'start: has no id, so that the run could not be asked for',
  ],
  [
    'an observation that names no run',
    { 'observe.path': '/runs' },
    "observe: names no run: its path, query or body must read upstream.runId or another of the run's ids",
  ],
  ['a cancel that names no run', { 'cancel.path': '/runs' }, 'cancel: names no run'],
  ['a resume that names no run', { 'resume.path': '/threads' }, 'resume: names no run'],
  ['a brace that is not closed', { 'observe.path': '/runs/{upstream.runId' }, 'has a brace that is not closed'],
  ['a brace that closes nothing', { 'observe.path': '/runs/{upstream.runId}}' }, 'has a brace that closes nothing'],
  [
    'a path with a query',
    { 'observe.path': '/runs/{upstream.runId}?full=1' },
    'must have no spaces, and no query: that is "query"',
  ],
  ['a path that climbs', { 'observe.path': '/a/../runs/{upstream.runId}' }, 'must have no parts that are dots only'],
  ['a path without its slash', { 'observe.path': 'runs/{upstream.runId}' }, 'must begin with a slash'],
  [
    'a path that needs what may be left out',
    { 'start.path': '/{target.folder}/{target.job}' },
    'start.path: "/{target.folder}/{target.job}" needs target.folder, which may be left out; declare it without "?"',
  ],
  [
    'a path of a result that needs what may be left out',
    { 'results.items.path': '/runs/{upstream.runId}/{target.folder}' },
    'needs target.folder, which may be left out; declare it without "?", or ask for the result only "when: target.folder"',
  ],
  [
    'a path of a result whose condition may hold without what it needs',
    {
      'results.items.path': '/runs/{upstream.runId}/{target.folder}',
      'results.items.when': 'target.folder or target.job',
    },
    'results.items.path: "/runs/{upstream.runId}/{target.folder}" needs target.folder, which may be left out',
  ],
  ['a body of a GET', { 'observe.body': 'upstream.runId' }, 'observe.body: is not sent with GET'],
  [
    'a body beside a form',
    { 'start.form': { a: 'input' } },
    'start.form: stands beside body; a request has one of them',
  ],
  [
    'a base that is no URL',
    { 'start.base': 'target.job' },
    'must name a setting or a target member that is a url, or be a URL in quotes',
  ],
  ['a header that is not for files', { 'headers.Content-Length': "'1'" }, 'is a header that is not for files to set'],
  ['a header that is none', { 'start.headers': { 'a b': "'1'" } }, 'is no name of a header'],
  [
    'a setting that every backend has',
    { 'settings.maxConnections': 'text' },
    'settings.maxConnections: is a key that every backend has',
  ],
  [
    'a way of authentication that names no setting',
    { 'auth.bearer': 'tokn' },
    'names the setting tokn, which is not declared; did you mean "token"?',
  ],
  [
    'a way of authentication that names no secret',
    { 'auth.bearer': 'region' },
    'names the setting region, which must be a secret and is a text',
  ],
  ['two ways of authentication', { 'auth.basic': { user: 'region' } }, 'auth: must name one way of authentication'],
  [
    'a result without a row in the mapping',
    { 'results.file.on': ['okk'] },
    'results.file.on[0]: "okk" has no row in mapping.status; did you mean "ok"?',
  ],
  [
    'a fault with a status without a row',
    { faults: [{ on: 'result', http: 422, status: 'FAILED' }] },
    'faults[0].status: "FAILED" has no row in mapping.status; did you mean "failed"?',
  ],
  [
    'a finished status without a row',
    { 'start.finished': "'done'" },
    'start.finished: "\'done\'" has no row in mapping.status',
  ],
  [
    'a result of a path and a url',
    { 'results.file.path': '/x' },
    'results.file.url: stands beside path; a result has one of them',
  ],
  ['a result of neither', { 'results.file.url': undefined }, 'results.file: has neither path nor url'],
  [
    'a result with a name of the data',
    { 'results.error': { on: ['ok'], path: '/x' } },
    'results.error: is a name that the data of a mapping has already',
  ],
  [
    'five results',
    {
      results: Object.fromEntries('abcde'.split('').map((name) => [name, { on: ['ok'], path: '/x' }])),
      'mapping.output': 'a',
    },
    'results: must be at most four',
  ],
  ['pages without a bound', { 'results.items.pages.most': undefined }, 'results.items.pages.most: is required'],
  [
    'pages without end',
    { 'results.items.pages.most': 1_000_000 },
    'results.items.pages.most: 1000000 must be at most 10000',
  ],
  [
    'a start that is asked again after a 500 and may have started',
    { 'start.once': undefined, faults: [{ on: 'start', http: 500, is: 'retry' }] },
    'faults[0].is: "retry" may start twice',
  ],
  [
    'a start that is asked again after a 408',
    { 'start.once': undefined, faults: [{ on: 'start', http: [402, 408], is: 'retry' }] },
    'may start twice',
  ],
  [
    'a start that is asked again after any status',
    { 'start.once': undefined, faults: [{ on: 'start', when: 'body.busy', is: 'retry' }] },
    'may start twice',
  ],
  [
    'a fault that says nothing',
    { faults: [{ on: 'start', http: 402 }] },
    'faults[0]: says neither what it is nor which status',
  ],
  [
    'a fault that says two things',
    { faults: [{ on: 'result', http: 422, is: 'gone', status: 'failed' }] },
    'faults[0].status: stands beside is; a row has one of them',
  ],
  [
    'a status of another step than a result',
    { faults: [{ on: 'observe', http: 422, status: 'failed' }] },
    'faults[0].status: is for faults of a result only',
  ],
  [
    'a start that is done',
    { faults: [{ on: 'start', http: 409, is: 'done' }] },
    'faults[0].is: "done" means nothing on start; there are retry, rejected, unknown',
  ],
  [
    'an observation of unknown outcome',
    { faults: [{ on: 'observe', http: 409, is: 'unknown' }] },
    'means nothing on observe',
  ],
  [
    'a fault of a step that is not there',
    { cancel: undefined },
    'faults[2].on: "cancel" is cancel, but the file has no cancel',
  ],
  [
    'an interrupt without a resume',
    { resume: undefined, faults: [] },
    'mapping.interrupt: interrupts a run, but the file has no resume that could go on with it',
  ],
  [
    'a status that interrupts without a resume',
    { resume: undefined, faults: [], 'mapping.interrupt': undefined },
    'mapping.status.waiting: interrupts a run, but the file has no resume',
  ],
  [
    'a way to push that is two',
    { 'push.account': { id: 'body.id', verify: { standardWebhooks: 'webhookSecret' } } },
    'push: must be perRun or account',
  ],
  [
    'a verification that names no setting',
    { push: { account: { id: 'body.id', verify: { standardWebhooks: 'secret' } } }, 'start.body': 'run.id' },
    'names the setting secret, which is not declared',
  ],
  ['an unknown key of the mapping', { 'mapping.outputs': 'x' }, 'mapping.outputs: unknown key'],
  [
    'a mistake in an expression of the mapping',
    { 'mapping.output': '$cout(items)' },
    'nothing defines $cout; did you mean $count?',
  ],
  ['an errcode of the gateway', { 'mapping.errcodes.default': 1500 }, "1000 to 1999 are the gateway's own errcodes"],
  ['a name with capitals', { vendor: 'Acme' }, 'vendor: "Acme" must be lower case letters'],
  [
    'a base URL with credentials',
    { baseUrl: 'https://a:b@acme.example' },
    'baseUrl: must be an http or https URL without credentials',
  ],
];

test.each(rows)('%s is refused', (_what, changes, problem) => {
  expect(problemsOf(changes).join('\n')).toContain(problem);
});

test('every problem of a file is reported at once, each with its line', () => {
  const text = right
    .replace('{upstream.runId}\n  status', '{upstream.runid}\n  status')
    .replace('id: body.id\n  keep', 'id: $strin(body)\n  keep');
  const reading = parseVendor(text, 'acme.yaml');
  const problems = reading.kind === 'refused' ? reading.problems : [];
  expect(problems.map(({ path, line }) => [path, line])).toEqual([
    ['start.id', 16],
    ['observe.path', 21],
  ]);
  expect(problems[1]?.excerpt?.text).toBe('  path: /runs/{upstream.runid}');
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadVendor, shippedVendors, vendorFileOf } from '../../src/config/vendor-files.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, type Vendor } from '../upstream/vendor-server.ts';
import { faultOf, testAdapter } from './adapter-contract.ts';
import { observe, openVendorFileRig, routes, start, type VendorFileRig } from './vendor-file-rig.ts';

describe('a vendor file over sockets', async () => {
  const vendor = await loadVendor(vendorFileOf(shippedVendors, 'openai-responses'));
  testAdapter({
    adapter: vendor.adapter,
    settings: { apiKey: 'key-1234567890' },
    secret: 'key-1234567890',
    target: { model: 'gpt-5' },
    input: 'Hi',
    config: { max_output_tokens: 5, other: 1 },
    start: {
      wire: {
        method: 'POST',
        path: '/responses',
        headers: { authorization: 'Bearer key-1234567890' },
        body: { max_output_tokens: 5, model: 'gpt-5', input: 'Hi', background: true, store: true },
      },
      answer: [200, { id: 'resp_1', status: 'queued' }],
      upstream: { runId: 'resp_1' },
    },
    observe: {
      wire: {
        method: 'GET',
        path: '/responses/resp_1',
        headers: { authorization: 'Bearer key-1234567890' },
        body: undefined,
      },
      answer: { id: 'resp_1', status: 'in_progress' },
      status: 'in_progress',
    },
    namesRuns: false,
    errorBodies: [{ error: { message: 'no such thing' } }, { message: 'no such thing' }],
  });
});

let rig: VendorFileRig;
let site: Vendor;
let other: Vendor;
const connect: VendorFileRig['connect'] = (lines, settings) => rig.connect(lines, settings);

beforeEach(async () => {
  rig = await openVendorFileRig();
  ({ site, other } = rig);
});
afterEach(() => rig.close());

describe('paths, headers and bodies', () => {
  test.each([
    ['a/b?c#d', '/v1/jobs/a%2Fb%3Fc%23d'],
    ['ü %', '/v1/jobs/%C3%BC%20%25'],
    ['..%2f', '/v1/jobs/..%252f'],
  ])('the value %j stays one part of a path', async (job, path) => {
    site.reply = answer(200, { id: 'r' });
    await connect('').start(start({ target: { job } }));
    expect(site.received[0]?.path).toBe(path);
  });

  test('a path keeps its slashes, and none of its parts climbs', async () => {
    const lines = 'start: { method: POST, path: "/p/{target.folder}", id: body.id }\ntarget: { folder: path }';
    site.reply = answer(200, { id: 'r' });
    await connect(lines).start(start({ target: { folder: 'u/me/my flow' } }));
    expect(site.received[0]?.path).toBe('/v1/p/u/me/my%20flow');
    const fault = await faultOf(connect(lines).start(start({ target: { folder: 'u/../admin' } })));
    expect(fault).toMatchObject({ consequence: 'rejected', kind: 'malformed' });
    expect(site.received).toHaveLength(1);
  });

  test('a header of any value stays one header', async () => {
    site.reply = answer(200, { id: 'r' });
    const lines = 'start: { method: POST, path: /x, headers: { X-Note: input.note, x-none: input.none }, id: body.id }';
    await connect(lines).start(start({ input: { note: 'a\r\nx-evil: 1 ü' } }));
    expect(site.received[0]?.headers).toMatchObject({ 'x-note': 'a%0D%0Ax-evil: 1 %C3%BC' });
    expect(site.received[0]?.headers['x-evil']).toBeUndefined();
    expect(site.received[0]?.headers['x-none']).toBeUndefined();
  });

  test('a query leaves out what has no value, and repeats a list', async () => {
    site.reply = answer(200, { id: 'r' });
    const lines =
      'start: { method: POST, path: /x, query: { a: input.a, b: input.b, c: input.c, d: config.priority }, id: body.id }';
    await connect(lines).start(start({ input: { a: ['1', 'x y'], b: null, c: false }, config: { priority: 3 } }));
    expect(site.received[0]?.path).toBe('/v1/x?a=1&a=x+y&c=false&d=3');
  });

  test("a run's config is found under configurable too, and only what the file names passes", async () => {
    site.reply = answer(200, { id: 'r' });
    const lines = 'start: { method: POST, path: /x, body: config, id: body.id }';
    await connect(lines).start(start({ config: { configurable: { priority: 4, secret: 1 }, other: 2 } }));
    expect(JSON.parse(site.received[0]?.body ?? '')).toStrictEqual({ priority: 4 });
  });

  test('an expression that takes all settings sees no secret', async () => {
    site.reply = answer(200, { id: 'r' });
    const connection = connect('start: { method: POST, path: /x, body: settings, id: body.id }', {
      token: 'hush',
      region: 'n',
    });
    await connection.start(start());
    expect(JSON.parse(site.received[0]?.body ?? '')).toStrictEqual({ region: 'n' });
  });

  test('a form is sent as one', async () => {
    site.reply = answer(200, { id: 'r' });
    await connect(
      'start: { method: PUT, path: /x, form: { prompt: input.text, none: input.none }, id: body.id }',
    ).start(start({ input: { text: 'a&b' } }));
    expect(site.received[0]).toMatchObject({ method: 'PUT', body: 'prompt=a%26b' });
  });

  test('a request goes to another base, with the credentials', async () => {
    other.reply = answer(200, { id: 'r' });
    const lines = 'auth: { bearer: token }\nstart: { method: POST, path: /e, base: settings.events, id: body.id }';
    await connect(lines, { token: 'token-123', events: `${other.url}/in` }).start(start());
    expect(other.received[0]).toMatchObject({ path: '/in/e', headers: { authorization: 'Bearer token-123' } });
  });

  test('an expression that fails before the start is sent ends the run for a reason of ours', async () => {
    const connection = connect('start: { method: POST, path: /x, body: $number(input.text), id: body.id }');
    await expect(connection.start(start({ input: { text: 'x' } }))).rejects.toThrow(/"start\.body"/);
    expect(site.received).toHaveLength(0);
  });
});

describe('answers', () => {
  test.each([
    ['plain text', answer(201, '0199aaaa-bbbb', { 'content-type': 'text/plain' }), 'body', '0199aaaa-bbbb'],
    ['a header', answer(201, {}, { location: '/runs/77' }), "$split(headers.location, '/')[-1]", '77'],
    ['a number', answer(200, { id: 12 }), 'body.id', '12'],
    [
      'a number that no double holds',
      answer(200, '{"id":9007199254740993}', { 'content-type': 'application/json' }),
      'body.id',
      '9007199254740993',
    ],
  ] as const)('an id is read from %s', async (_name, reply, id, runId) => {
    site.reply = reply;
    const lines = `start: { method: POST, path: /x, id: "${id}", keep: { more: body.more, status: status } }`;
    const { upstream } = await connect(lines).start(start());
    expect(upstream?.runId).toBe(runId);
    expect(Object.keys(upstream ?? {})).toStrictEqual(['runId', 'status']);
  });

  test.each([[{}], [{ id: '..' }], [{ id: {} }], [{ id: '' }], [{ id: true }], [{ id: ['a', 'b'] }]])(
    'an answer to a start with the id %j leaves its outcome unknown',
    async (body) => {
      site.reply = answer(200, body);
      expect(await faultOf(connect('').start(start()))).toMatchObject({ consequence: 'unknown', kind: 'malformed' });
    },
  );

  test('an expression that fails on the answer of a start leaves its outcome unknown', async () => {
    site.reply = answer(200, { id: 'x' });
    const lines = 'start: { method: POST, path: /x, id: $string($number(body.id)) }';
    expect(await faultOf(connect(lines).start(start()))).toMatchObject({ consequence: 'unknown', kind: 'malformed' });
  });

  test('an answer that is the end of the run needs no id', async () => {
    site.reply = answer(200, { done: true, text: 'hi' });
    const lines = 'start: { method: POST, path: /x, id: body.id, finished: "body.done ? \'ok\'" }';
    expect(await connect(lines).start(start())).toStrictEqual({
      upstream: null,
      observation: { status: 'ok', raw: { done: true, text: 'hi' } },
    });
  });

  test('an answer about a run says when to come again', async () => {
    site.reply = answer(200, { status: 'busy' }, { 'retry-after': '7' });
    const lines =
      'observe: { path: "/r/{upstream.runId}", status: body.status, notBefore: "$number(headers.`retry-after`)" }';
    expect(await observe(connect(lines))).toStrictEqual({ status: 'busy', raw: { status: 'busy' }, notBeforeMs: 7000 });
  });

  test('a resume that makes a new run names it, and keeps the other ids', async () => {
    site.reply = answer(200, { id: 'r-2' });
    const connection = connect('resume: { method: POST, path: "/r/{upstream.runId}", body: resumption, id: body.id }');
    const made = await connection.resume?.({ job: 'a' }, { runId: 'r-1', more: 'm' }, { yes: 1 }, 'd-1');
    expect(made).toStrictEqual({ runId: 'r-2', more: 'm' });
    expect(site.received[0]).toMatchObject({ path: '/v1/r/r-1', body: '{"yes":1}' });
  });
});

describe('faults', () => {
  const lines = `
cancel: { method: DELETE, path: "/r/{upstream.runId}" }
results: { out: { on: [ok], path: "/out/{upstream.runId}" } }
error: error.text
faults:
  - { on: start, http: [402, 409], when: body.busy, is: retry }
  - { on: observe, http: 401, is: gone }
  - { on: result, http: 422, status: failed }
  - { on: cancel, http: 409, is: done }
mapping: { status: { ok: success, failed: error }, output: out, error: error }
`;

  test('a row decides what a refusal means, where its statuses and its expression hold', async () => {
    const connection = connect(lines);
    site.reply = answer(402, { busy: true, error: { text: 'wait' } });
    expect(await faultOf(connection.start(start()))).toMatchObject({ consequence: 'retry', message: 'wait' });
    site.reply = answer(402, { busy: false, error: { text: 'no\nmoney' } });
    expect(await faultOf(connection.start(start()))).toMatchObject({ consequence: 'rejected', message: 'no money' });
    site.reply = answer(400, { busy: true });
    expect(await faultOf(connection.start(start()))).toMatchObject({ consequence: 'rejected' });
    site.reply = answer(401, {});
    expect(await faultOf(observe(connection))).toMatchObject({ consequence: 'gone', httpStatus: 401 });
  });

  test('what was asked and is so already is no fault', async () => {
    site.reply = answer(409, {});
    await connect(lines).cancel?.({ job: 'a' }, { runId: 'r-1' });
    expect(site.received[0]?.method).toBe('DELETE');
  });

  test('a refused result may be the end of the run, with what the vendor said', async () => {
    site.reply = routes({
      '/v1/runs/r-1': answer(200, { status: 'ok' }),
      '/v1/out/r-1': answer(422, { detail: 'prompt is too long' }),
    });
    expect(await observe(connect(lines))).toStrictEqual({
      status: 'failed',
      raw: { run: { status: 'ok' }, error: { detail: 'prompt is too long' } },
    });
  });

  test('any other refused result is a fault of the result', async () => {
    site.reply = routes({ '/v1/runs/r-1': answer(200, { status: 'ok' }) });
    const fault = await faultOf(observe(connect(lines)));
    expect(fault).toMatchObject({ step: 'result', vendorStatus: 'ok', consequence: 'gone', httpStatus: 404 });
  });

  test('a 2xx that is a refusal is one', async () => {
    site.reply = answer(200, { ok: false, error: 'no such job' });
    const refusing = 'start: { method: POST, path: /x, refused: body.ok = false, id: body.id }';
    expect(await faultOf(connect(refusing).start(start()))).toMatchObject({
      ...{ consequence: 'rejected', kind: 'http-status', httpStatus: 200, message: 'no such job' },
    });
  });
});

describe('searches for a start whose answer was lost', () => {
  const search = `start: { method: POST, path: /jobs, body: "{ 'tag': run.id }", id: body.id }
find: { path: /runs, query: { tag: run.id }, id: "body[tag = $$.run.id].id", keep: { place: "body[tag = $$.run.id].place" } }`;
  const find = async (lines = search) =>
    await connect(lines).adoption?.find?.({ target: { job: 'sweep' }, config: {}, runId: 'run-1', sentAtMs: 0 });

  test('a search finds the run that carries the id of ours, with what is kept of it', async () => {
    const runs = [
      { id: 'r-0', tag: 'run-0', place: 'p-0' },
      { id: 'r-1', tag: 'run-1', place: 'p-1' },
    ];
    site.reply = answer(200, runs);
    expect(await find()).toEqual({ runId: 'r-1', place: 'p-1' });
    expect(site.received.map(({ path }) => path)).toEqual(['/v1/runs?tag=run-1']);
  });

  test.each([
    ['nothing', answer(200, []), 'absent'],
    ['the runs of others', answer(200, [{ id: 'r-0', tag: 'run-0' }]), 'absent'],
    ['404', answer(404, { error: 'no such page' }), 'absent'],
    ['410', answer(410, { error: 'gone' }), 'absent'],
    [
      'two runs with one tag',
      answer(
        200,
        ['r-1', 'r-2'].map((id) => ({ id, tag: 'run-1' })),
      ),
      'unclear',
    ],
    ['an id that no request could name', answer(200, [{ id: { deep: 1 }, tag: 'run-1' }]), 'unclear'],
  ])('a search that is answered with %s gives no run', async (_what, reply, found) => {
    site.reply = reply;
    expect(await find()).toBe(found);
  });

  test.each([401, 403, 422, 500, 503])('a search that is answered with %i is repeated', async (status) => {
    site.reply = answer(status, { error: 'not now' });
    expect((await faultOf(find())).consequence).toBe('retry');
  });

  test('a search whose expression fails is repeated', async () => {
    site.reply = answer(200, { id: 'x' });
    const failing = search.replace(/id: "body.*/, 'id: "$number(body.id) > 0 ? run.id" }');
    expect((await faultOf(find(failing))).consequence).toBe('retry');
  });

  test.each([
    ['the run', { run: { id: 'r-1' } }, { runId: 'r-1' }],
    ['a number', { run: { id: 7 } }, { runId: '7' }],
    ['no run', { test: true }, null],
    ['several runs', { run: [{ id: 'r-1' }, { id: 'r-2' }] }, null],
    ['an id that no request could name', { run: { id: '..' } }, null],
  ])('a call of the vendor that names %s is read as it stands', (_what, body, named) => {
    const pushed = `start: { method: POST, path: /jobs, body: "{ 'hook': sink.url }", id: body.id }
push: { perRun: true, id: body.run.id }`;
    expect(connect(pushed).adoption?.refOfPush?.({ job: 'sweep' }, body)).toEqual(named);
  });

  test('a file without a search and without repeatable starts adopts nothing', () => {
    expect(connect('').adoption).toBeUndefined();
  });
});

describe('results', () => {
  const lines = (result: string) =>
    `auth: { bearer: token }\nresults: { out: ${result} }\nmapping: { status: { ok: success, busy: pending }, output: out }`;
  const seen = answer(200, { status: 'ok' });

  test('pages are read to the last, relative to each other', async () => {
    site.reply = routes({
      '/v1/runs/r-1': seen,
      '/v1/items?limit=2': answer(200, { data: [1, 2], next: 'a b' }),
      '/v1/items?cursor=a%20b': answer(200, { data: [3], next: `${site.url}/v1/more` }),
      '/v1/more': answer(200, { data: [] }),
    });
    const next = "$contains(body.next, '://') ? body.next : body.next ? '?cursor=' & $encodeUrlComponent(body.next)";
    const pages = `{ items: body.data, next: "${next}", most: 10 }`;
    const connection = connect(lines(`{ on: [ok], path: /items, query: { limit: "'2'" }, pages: ${pages} }`), {
      token: 't-12345678',
    });
    expect((await observe(connection)).raw).toStrictEqual({ run: { status: 'ok' }, out: [1, 2, 3] });
    expect(site.received.map(({ headers }) => headers.authorization)).toStrictEqual(Array(4).fill('Bearer t-12345678'));
  });

  test('pages without end are cut at the most items and at twenty, and the data says so', async () => {
    site.reply = (response, received) =>
      (received.path === '/v1/runs/r-1' ? seen : answer(200, { data: [1, 2], next: '?on' }))(response, received);
    const paged = (most: number) =>
      connect(lines(`{ on: [ok], path: /items, pages: { items: body.data, next: body.next, most: ${most} } }`));
    expect((await observe(paged(3))).raw).toStrictEqual({ run: { status: 'ok' }, out: [1, 2, 1], cut: ['out'] });
    const many = (await observe(paged(10_000))).raw as { readonly out: readonly number[]; readonly cut: unknown };
    expect([many.out.length, many.cut]).toStrictEqual([40, ['out']]);
  });

  test('the results of one look are bounded together', async () => {
    const third = 'x'.repeat(Math.ceil(upstreamOptions.maxAnswerBytes / 3));
    site.reply = (response, received) =>
      (received.path === '/v1/runs/r-1' ? seen : answer(200, { data: [third], next: '?on' }))(response, received);
    const pages = '{ items: body.data, next: body.next, most: 100 }';
    const fault = await faultOf(observe(connect(lines(`{ on: [ok], path: /items, pages: ${pages} }`))));
    expect(fault).toMatchObject({ kind: 'too-large', step: 'result', vendorStatus: 'ok', consequence: 'retry' });
    expect(site.received).toHaveLength(4);
  });

  test('an address in the answer gets no credentials at another origin', async () => {
    site.reply = answer(200, { status: 'ok', file: `${other.url}/f?sig=1` });
    other.reply = answer(200, { text: 'done' });
    const connection = connect(lines('{ on: [ok], url: run.file }'), { token: 't-12345678' });
    expect((await observe(connection)).raw).toMatchObject({ out: { text: 'done' } });
    expect(other.received[0]?.path).toBe('/f?sig=1');
    expect(other.received[0]?.headers.authorization).toBeUndefined();
  });

  test.each([
    ['is not asked for at another status', '{ on: [ok], path: /out }', { status: 'busy' }],
    [
      'is not asked for where its expression does not hold',
      '{ on: [ok], when: run.more, path: /out }',
      { status: 'ok' },
    ],
    ['is none where its address has no value', '{ on: [ok], url: run.file }', { status: 'ok' }],
    ['is none where it is optional and not there', '{ on: [ok], path: /out, optional: true }', { status: 'ok' }],
  ])('a result %s', async (_name, result, body) => {
    site.reply = routes({ '/v1/runs/r-1': answer(200, body) });
    expect((await observe(connect(lines(result)))).raw).toStrictEqual({ run: body });
  });
});

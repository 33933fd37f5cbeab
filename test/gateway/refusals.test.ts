import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { AcpClient } from './client.ts';
import { openSite, type Site, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

const absent = '019eb3a0-0000-7000-8000-000000000000';
const input = {
  type: 'object',
  required: ['url'],
  additionalProperties: false,
  properties: {
    url: { type: 'string', minLength: 3 },
    pages: { type: 'array', items: { type: 'integer', minimum: 1 } },
    mode: { enum: ['fast', 'deep'] },
  },
};

const takes = (methods: string, asked: string) =>
  `the path does not take this method: it takes ${methods}, and not ${asked}`;

let intuned: IntunedStandIn;
let restack: RestackStandIn;
let site: Site;
let client: AcpClient;
let done: string;

beforeAll(async () => {
  intuned = await IntunedStandIn.open();
  restack = await RestackStandIn.open();
  restack.plan = () => ({ status: 'completed' });
  const config = { type: 'object', properties: { depth: { type: 'integer' } } };
  const agents = [{ ...scraper, schemas: { input, config } }, support];
  site = await openSite({ intuned, restack, agents, sections: { limits: { maxBodyBytes: 2000 } } });
  client = site.client;
  done = (await client.run({ agent_id: 'support' })).run_id;
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await intuned[Symbol.asyncDispose]();
  await restack[Symbol.asyncDispose]();
});

describe('an input that breaks the schema of the agent', () => {
  const wrong: readonly (readonly [Json, string, string])[] = [
    [undefined as unknown as Json, 'input/url', 'is required'],
    [{}, 'input/url', 'is required'],
    [{ url: 7 }, 'input/url', 'must be string'],
    [{ url: 'x' }, 'input/url', 'must not have fewer than 3 characters'],
    [{ url: 'http', pages: [1, 'two'] }, 'input/pages/1', 'must be integer'],
    [{ url: 'http', pages: [3, 0] }, 'input/pages/1', 'must be >= 1'],
    [{ url: 'http', mode: 'slow' }, 'input/mode', 'must be one of the allowed values: "fast", "deep"'],
    [{ url: 'http', 'a/b': 1 }, 'input/a~1b', 'is not a known property'],
  ];
  test.each(wrong)('the input %j is refused with 422, which names %s', async (value, path, words) => {
    const body = { agent_id: 'price-scraper', ...(value === undefined ? {} : { input: value }) };
    expect(await client.ask('POST', '/runs', body)).toMatchObject({
      status: 422,
      body: `the input does not match the agent's schema: ${path} ${words}`,
    });
    const problem = await client.ask('POST', '/runs', body, { accept: 'application/problem+json' });
    expect(problem.headers.get('content-type')).toBe('application/problem+json');
    expect(problem.body).toMatchObject({ status: 422, code: 'invalid_input', path, detail: `${path} ${words}` });
    expect(intuned.asked).toEqual([]);
  });

  test.each([
    [{ depth: 'deep' }, 'config/depth must be integer'],
    [{ retry: { maximumAttempts: 0 } }, 'config/retry/maximumAttempts must be at least 1'],
    [{ retry: 3 }, 'config/retry must be an object, is a number'],
    [{ requestTimeout: 1.5 }, 'config/requestTimeout must be a whole number'],
    [{ authSession: { id: '' } }, 'config/authSession/id must not be empty'],
    [{ saveTrace: 'yes' }, 'config/saveTrace must be true or false, is a string'],
  ])('the config %j of a run is refused with 422', async (config, words) => {
    const { status, body } = await client.ask('POST', '/runs', {
      agent_id: 'price-scraper',
      input: { url: 'http' },
      config: config as unknown as JsonObject,
    });
    expect([status, body]).toEqual([422, `the input does not match the agent's schema: ${words}`]);
    expect(intuned.asked).toEqual([]);
  });
});

type Case = readonly [method: string, path: string, body: Json | undefined, status: number, words: string];

describe('a request that is refused', () => {
  const runs: readonly Case[] = [
    ['POST', '/runs', '{"agent_id":', 422, 'the request body is not valid JSON'],
    ['POST', '/runs', '{"a":1}}', 422, 'the request body is not valid JSON: see position 7'],
    ['POST', '/runs', '', 422, 'the request is not valid: the body is required'],
    ['POST', '/runs', [1], 422, 'the request is not valid: the body must be an object, is an array'],
    ['POST', '/runs', { agent_id: 7 }, 422, 'the request is not valid: agent_id must be a string, is a number'],
    [
      'POST',
      '/runs',
      { agentid: 'support' },
      422,
      'the request is not valid: agentid is not a known member; did you mean "agent_id"?',
    ],
    [
      'POST',
      '/runs',
      { agent_id: 'support', input: 'x' },
      422,
      'the request is not valid: input must be an object, is a string',
    ],
    ['POST', '/runs', { agent_id: 'nobody' }, 404, 'no such agent: "nobody"; POST /agents/search lists them'],
    [
      'POST',
      '/runs',
      { agent_id: 'suport' },
      404,
      'no such agent: "suport"; did you mean "support"? POST /agents/search lists them',
    ],
    ['POST', '/runs', { agent_id: absent }, 404, `no such agent: "${absent}"; POST /agents/search lists them`],
    ['POST', '/runs/search', { limit: 1001 }, 422, 'the request is not valid: limit must be at most 1000'],
    [
      'POST',
      '/runs/search',
      { agent_id: 'nobody', status: 'gone' },
      422,
      'the request is not valid: status must be pending or success or error or timeout or interrupted',
    ],
    ['GET', '/runs', undefined, 405, takes('POST', 'GET')],
    ['PATCH', '/runs', undefined, 405, takes('POST', 'PATCH')],
    ['GET', '/runs/search', undefined, 405, takes('POST', 'GET')],
    ['PUT', `/runs/${absent}`, undefined, 405, takes('HEAD, GET, POST, DELETE', 'PUT')],
    ['POST', `/runs/${absent}/output`, {}, 405, takes('HEAD, GET', 'POST')],
    ['DELETE', `/runs/${absent}/stream`, undefined, 405, takes('HEAD, GET', 'DELETE')],
    ['POST', '/agents/support', {}, 405, takes('HEAD, GET', 'POST')],
    ['GET', '/agents', undefined, 404, 'no such path: GET /agents'],
    ['GET', '/', undefined, 404, 'no such path: GET /'],
    ['GET', `/runs/${absent}/nothing`, undefined, 404, `no such path: GET /runs/${absent}/nothing`],
    ['GET', '/acp/v0.1/nothing', undefined, 404, 'no such path: GET /acp/v0.1/nothing'],
    ['POST', '/agents/search', { limit: 0 }, 422, 'the request is not valid: limit must be at least 1'],
  ];
  const anyRun: readonly (readonly [string, string, Json | undefined])[] = [
    ['GET', '', undefined],
    ['DELETE', '', undefined],
    ['POST', '', { approved: true }],
    ['GET', '/output', undefined],
    ['GET', '/output?block_timeout=1', undefined],
    ['GET', '/stream', undefined],
  ];
  const ofRuns = anyRun.flatMap(([method, rest, body]): readonly Case[] => [
    [method, `/runs/42${rest}`, body, 422, 'the request is not valid: run_id must be a UUID'],
    [method, `/runs/${absent}${rest}`, body, 404, 'no such run'],
    [method, `/acp/v0.1/runs/${absent}${rest}`, body, 404, 'no such run'],
  ]);

  test.each([...runs, ...ofRuns])('%s %s with %j is refused with %i', async (method, path, body, status, words) => {
    const plain = await client.ask(method, path, body);
    expect([plain.status, plain.body]).toEqual([status, words]);
    expect(plain.headers.get('content-type')).toBe('application/json');
    expect(plain.headers.get('allow') === null).toBe(status !== 405);
    const problem = await client.ask(method, path, body, {
      accept: 'application/problem+json, application/json;q=0.5',
    });
    expect(problem.headers.get('content-type')).toBe('application/problem+json');
    expect(problem.body).toMatchObject({ status, title: expect.any(String), code: expect.stringMatching(/^[a-z_]+$/) });
    expect(JSON.stringify(problem.body)).not.toMatch(/\/src\/|node_modules|\bat [A-Z]|rungate-gateway/);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', ''])(
    'a body of the type %j is refused with 415',
    async (type) => {
      const answer = await client.ask('POST', '/runs', '{"agent_id":"support"}', { 'content-type': type });
      expect([answer.status, answer.body]).toEqual([415, 'the request body must be application/json']);
    },
  );

  test('a body over the limit of the config is refused with 413', async () => {
    const body = { agent_id: 'support', input: { x: 'y'.repeat(2000) } };
    const answer = await client.ask('POST', '/runs', body);
    expect([answer.status, answer.body]).toEqual([413, 'the request body is too large: at most 2000 bytes are taken']);
    // A body without a Content-Length.
    const chunks = new ReadableStream({
      start: (controller) => {
        for (let n = 0; n < 10; n += 1) controller.enqueue(Buffer.from(' '.repeat(500)));
        controller.close();
      },
    });
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: chunks, duplex: 'half' } as RequestInit;
    expect((await fetch(`${client.url}/runs`, init)).status).toBe(413);
    expect((await client.ask('GET', `/runs/${done}`)).status).toBe(200);
  });

  test('a resume of a run that is not interrupted is refused with 409', async () => {
    const answer = await client.ask('POST', `/runs/${done}`, { approved: true });
    expect([answer.status, answer.body]).toEqual([409, 'the run is not interrupted']);
  });

  test('bytes that are not HTTP are answered with a status and nothing else', async () => {
    const { hostname, port } = new URL(client.url);
    const socket = connect(Number(port), hostname);
    socket.end('BLAH\r\n\r\n');
    let answer = '';
    for await (const chunk of socket.setEncoding('utf8')) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n\r\n$/);
  });

  test('a refused request leaves no run behind and calls no vendor', async () => {
    expect(await client.search({ limit: 1000 })).toHaveLength(1);
    expect([intuned.asked.length, restack.count('start')]).toEqual([0, 1]);
  });
});

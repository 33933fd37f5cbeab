import { describe, expect, test } from 'vitest';
import { createAcpV01 } from '../src/dialects/acp-v01/dialect.ts';
import { openSite } from './http-app.ts';
import { agentId, runId } from './scripted-use-cases.ts';

const invalid = 'the request is not valid';

describe('what is refused with 422', () => {
  const bodies: readonly (readonly [path: string, body: unknown, message: string])[] = [
    ['/runs', { inptu: {} }, `${invalid}: unknown field "inptu"; did you mean "input"? (inptu)`],
    ['/runs', { agentId }, `${invalid}: unknown field "agentId"; did you mean "agent_id"? (agentId)`],
    ['/runs', { zzzzzzzz: 1 }, `${invalid}: unknown field "zzzzzzzz" (zzzzzzzz)`],
    ['/runs', { agent_id: '' }, `${invalid}: must not be empty (agent_id)`],
    ['/runs', { agent_id: 7 }, `${invalid}: expected string, received number (agent_id)`],
    ['/runs', { thread_id: agentId }, `${invalid}: threads are not supported yet (thread_id)`],
    ['/runs', { input: [] }, `${invalid}: expected object, received array (input)`],
    ['/runs', { input: 'text' }, `${invalid}: expected object, received string (input)`],
    ['/runs', { metadata: 1 }, `${invalid}: expected object, received number (metadata)`],
    ['/runs', { config: true }, `${invalid}: expected object, received boolean (config)`],
    ['/runs', { webhook: 'ftp://hooks.test' }, `${invalid}: must be an http or https URL (webhook)`],
    ['/runs', { webhook: 'hooks' }, `${invalid}: must be an http or https URL (webhook)`],
    ['/runs', { streaming: 'values' }, `${invalid}: Invalid option: expected one of "result"|"custom" (streaming)`],
    ['/runs', [], `${invalid}: expected object, received array`],
    ['/runs', 'null', `${invalid}: expected object, received null`],
    ['/runs', '', `${invalid}: is required`],
    [`/runs/${runId}`, '', `${invalid}: a payload is required`],
    ['/runs/search', { limit: 0 }, `${invalid}: Too small: expected number to be >=1 (limit)`],
    ['/runs/search', { limit: 1001 }, `${invalid}: Too big: expected number to be <=1000 (limit)`],
    ['/runs/search', { limit: 1.5 }, `${invalid}: expected int, received number (limit)`],
    ['/runs/search', { offset: -1 }, `${invalid}: Too small: expected number to be >=0 (offset)`],
    ['/runs/search', { metadata: [] }, `${invalid}: expected object, received array (metadata)`],
    ['/runs/search', { stats: 'error' }, `${invalid}: unknown field "stats"; did you mean "status"? (stats)`],
    ['/agents/search', { limit: '5' }, `${invalid}: expected number, received string (limit)`],
    ['/agents/search', { name: null }, `${invalid}: expected string, received null (name)`],
  ];
  test.each(bodies)('POST %s %j', async (path, body, message) => {
    await using site = await openSite();
    const answer = await site.post(path, body);
    expect([answer.status, await answer.json()]).toEqual([422, message]);
    expect([site.use.created, site.use.searched, site.use.resumed]).toEqual([[], [], []]);
  });

  const blockTimeouts: readonly (readonly [query: string, message: string])[] = [
    ['-1', 'must be a whole number of seconds'],
    ['1.5', 'must be a whole number of seconds'],
    ['1e3', 'must be a whole number of seconds'],
    ['', 'must be a whole number of seconds'],
    ['%205', 'must be a whole number of seconds'],
    ['+5', 'must be a whole number of seconds'],
    ['0x10', 'must be a whole number of seconds'],
    ['99999999999', 'must be a whole number of seconds'],
    ['3601', 'must be at most 3600 seconds'],
    ['1&block_timeout=2', 'must be given once'],
  ];
  test.each(blockTimeouts)('block_timeout=%s', async (query, message) => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId}/output?block_timeout=${query}`);
    expect([answer.status, await answer.json()]).toEqual([422, `${invalid}: ${message} (block_timeout)`]);
    expect(site.use.keys).toEqual([]);
  });

  test('a query parameter that is misspelt', async () => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId}/output?blocktimeout=2`);
    const message = `${invalid}: unknown field "blocktimeout"; did you mean "block_timeout"? (blocktimeout)`;
    expect([answer.status, await answer.json()]).toEqual([422, message]);
  });

  test.each([
    ['GET', ''],
    ['DELETE', ''],
    ['GET', '/output'],
    ['GET', '/stream'],
  ])('%s /runs/42%s', async (method, rest) => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/42${rest}`, { method });
    expect([answer.status, await answer.json()]).toEqual([422, `${invalid}: must be a UUID (run_id)`]);
  });

  test.each(['x', '-1', '1.0', '9'.repeat(16)])('Last-Event-ID: %s', async (id) => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId}/stream`, { headers: { 'last-event-id': id } });
    const message = `${invalid}: must be an id that the stream gave (Last-Event-ID)`;
    expect([answer.status, await answer.json()]).toEqual([422, message]);
    expect(site.use.feeds).toEqual([]);
  });

  test.each(['""', 'two words', 'k'.repeat(256)])('Idempotency-Key: %s', async (key) => {
    await using site = await openSite();
    const answer = await site.post('/runs', {}, { 'idempotency-key': key });
    const message = `${invalid}: must be 1 to 255 visible ASCII characters (Idempotency-Key)`;
    expect([answer.status, await answer.json()]).toEqual([422, message]);
  });
});

test('unknown fields do nothing where the config says so', async () => {
  const dialect = createAcpV01({ unknownFields: 'ignore', maxBlockSeconds: 1 });
  await using site = await openSite({ mounts: [{ dialect, prefix: '' }] });
  const answer = await site.post('/runs', { input: { a: 1 }, on_completion: 'delete', stream_mode: 'values' });
  expect(answer.status).toBe(200);
  expect(site.use.created).toMatchObject([{ request: { input: { a: 1 } } }]);
  expect((await site.fetch(`/runs/${runId}/output?blocktimeout=2`)).status).toBe(204);
});

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { FaultRig } from './fault-rig.ts';
import { type Answering, breakOff, hangUp, neverReply, reply } from './manners.ts';
import { openSite, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

let rig: FaultRig;
let strict: FaultRig;
let hasty: FaultRig;
let impatient: FaultRig;

beforeAll(async () => {
  rig = await FaultRig.open();
  // A run that is gone ends at once here, so no other fault may be mistaken for gone.
  strict = await FaultRig.open({ lostAfterSeconds: 0 });
  hasty = await FaultRig.open({ lostAfterSeconds: 0.2 });
  impatient = await FaultRig.open({}, 1);
});

afterAll(async () => {
  for (const each of [rig, strict, hasty, impatient]) await each.close();
});

const faults: readonly (readonly [string, Answering])[] = [
  ['429', reply(429, { message: 'slow down' })],
  ['429 with Retry-After', reply(429, { error: 'slow down' }, { 'retry-after': '0' })],
  ['500', reply(500, { error: 'boom' })],
  ['502 with a page', reply(502, '<html>Bad Gateway</html>', { 'content-type': 'text/html' })],
  ['503', reply(503, '')],
  ['504', reply(504, { message: 'timed out' })],
  ['401', reply(401, { message: 'unauthorized' })],
  ['403', reply(403, { error: 'forbidden' })],
  ['418', reply(418, { error: 'teapot' })],
  ['a redirection', reply(301, '', { location: '/elsewhere' })],
  ['a connection that goes', hangUp],
  ['an answer that breaks off', breakOff(200)],
  ['no JSON', reply(200, 'completed')],
  ['half of a JSON', reply(200, '{"status":"completed"')],
  ['no body', reply(200, '')],
  ['204', (response) => void response.writeHead(204).end()],
  ['a list', reply(200, [{ status: 'completed' }])],
  ['a bare string', reply(200, '"completed"', { 'content-type': 'application/json' })],
  ['null', reply(200, null)],
  ['no status', reply(200, { runId: 'x', result: 1 })],
  ['a status that is a number', reply(200, { runId: 'x', status: 4 })],
  ['an empty status', reply(200, { runId: 'x', status: '' })],
  ['JSON that is nested without end', reply(200, '['.repeat(200_000), { 'content-type': 'application/json' })],
];

describe.concurrent('a poll that fails', () => {
  test.each(faults)('a poll that fails does not end the run: %s', async (_name, fault) => {
    for (const { output, polls, starts } of await strict.pollMeets(fault, fault)) {
      expect(output).toMatchObject({ type: 'result', status: 'success', result: 'ran' });
      expect([starts, polls]).toEqual([1, 3]);
    }
  });

  test.each([404, 410])(
    'a poll that is answered with %i does not end the run before lostAfterSeconds',
    async (status) => {
      const fault = reply(status, { message: 'Run not found', error: 'run not found' });
      const [intuned, restack] = await rig.pollMeets(fault, fault);
      for (const { output } of [intuned, restack]) expect(output).toMatchObject({ status: 'success', result: 'ran' });
      expect(intuned.polls).toBe(3);
      // A run that is not found at one path of Restack's is looked for at the other, which takes requests of its own.
      expect(restack.polls).toBeGreaterThanOrEqual(3);
    },
  );

  test('a poll without an answer in time is repeated and does not end the run', async () => {
    for (const { output, polls } of await impatient.pollMeets(neverReply)) {
      expect(output.result).toBe('ran');
      expect(polls).toBeGreaterThanOrEqual(2);
    }
  });

  test('an unmapped status does not end the run, and is logged once', async () => {
    const odd = ['paused', 'complete', 'fail', 'completed!', '__proto__', 'constructor'];
    for (const { output, polls } of await rig.pollMeets(...odd.map(sayStatus))) {
      expect(output).toMatchObject({ status: 'success' });
      expect(polls).toBe(odd.length + 1);
    }
    const reported = rig.site.log.filter(({ vendor_status, level }) => vendor_status === 'paused' && level === 'warn');
    expect(reported.map(({ agent, backend }) => [agent, backend]).toSorted()).toEqual([
      ['price-scraper', 'intuned'],
      ['support', 'restack'],
    ]);
  });

  test('a run that the vendor no longer knows after lostAfterSeconds ends as 1004', async () => {
    for (const { output, starts, polls } of await hasty.pollMeets(
      ...Array.from({ length: 99 }, () => reply(404, {})),
    )) {
      expect(output).toMatchObject({ type: 'error', status: 'error', errcode: 1004 });
      expect(output.description).toBe('the vendor no longer knows this run');
      expect(starts).toBe(1);
      expect(polls).toBeGreaterThan(1);
    }
  });
});

/** An answer about the run that is asked for, whose id is the last part of the path but for Intuned's `/result`. */
function sayStatus(status: string): Answering {
  return (response, asked) =>
    reply(200, {
      runId:
        asked.path
          .replace(/\/result$/, '')
          .split('/')
          .at(-1) ?? '',
      status,
    })(response, asked);
}

async function openOne(agent: JsonObject = {}, sections: JsonObject = {}) {
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const site = await openSite({
    intuned,
    restack,
    agents: [
      { ...scraper, ...agent },
      { ...support, target: { agent: 'Helper', cancelEvent: { eventName: 'end' } }, ...agent },
    ],
    sections,
  });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  return { intuned, restack, site, client: site.client, [Symbol.asyncDispose]: close };
}

describe.concurrent('a vendor in trouble', () => {
  test('a vendor that refused connections is polled again when it is back', async () => {
    await using one = await openOne();
    const { run_id } = await one.client.create({ agent_id: 'price-scraper' });
    const upstream = await one.intuned.nextRun();
    await upstream.polled();
    await one.intuned.silence();
    const still = await one.client.ask('GET', `/runs/${run_id}/output?block_timeout=1`);
    expect(still.status).toBe(204);
    upstream.say({ status: 'completed', result: 'late' });
    await one.intuned.listen();
    expect((await one.client.output(run_id)).result).toBe('late');
    expect(one.site.log.filter((line) => line.level === 'warn' && line.kind === 'refused')).toHaveLength(1);
  });

  test('a vendor that asks for a pause by Retry-After gets no call until it is over, however many clients watch', async () => {
    await using one = await openOne();
    one.intuned.surprise('poll', reply(429, { message: 'in a minute' }, { 'retry-after': '60' }));
    const { run_id } = await one.client.create({ agent_id: 'price-scraper' });
    const stream = await one.client.stream(run_id);
    const upstream = await one.intuned.nextRun();
    await one.intuned.counted('poll', 1);
    // The other vendor asked for no pause, and measures the time.
    await one.client.create({ agent_id: 'support' });
    await (await one.restack.nextRun()).polled(10);
    expect([upstream.polls, one.intuned.count('poll')]).toEqual([0, 1]);
    expect((await one.client.ask('DELETE', `/runs/${run_id}`)).status).toBe(200);
    expect((await stream.end()).at(-1)?.data).toMatchObject({ errcode: 1000 });
  });

  test('faults of a vendor are logged once per kind instead of once per poll', async () => {
    await using one = await openOne();
    one.intuned.surprise('poll', ...Array.from({ length: 6 }, (_, n) => reply(n % 2 ? 500 : 503, { message: 'down' })));
    one.intuned.plan = () => ({ status: 'completed' });
    await one.client.run({ agent_id: 'price-scraper' });
    const reported = one.site.log.filter(({ purpose, level }) => purpose === 'observe' && level === 'warn');
    expect(reported.map(({ http_status, reason }) => [http_status, reason])).toEqual([
      [503, 'down'],
      [500, 'down'],
    ]);
  });

  test('a vendor whose answer is larger than limits.maxAnswerBytes is polled again while its run goes on', async () => {
    await using one = await openOne({}, { limits: { maxAnswerBytes: 2000 } });
    one.intuned.plan = () => ({ status: 'started', result: 'x'.repeat(5000) });
    const { run_id } = await one.client.create({ agent_id: 'price-scraper' });
    const upstream = await one.intuned.nextRun();
    await upstream.polled(5);
    expect((await one.client.read(run_id)).status).toBe('pending');
    expect(one.site.log).toContainEqual(expect.objectContaining({ kind: 'too-large', consequence: 'retry' }));
    upstream.say({ status: 'completed', result: 'short' });
    expect((await one.client.output(run_id)).result).toBe('short');
  });
});

describe.concurrent('the deadline of a run', () => {
  test('a deadline ends the run as timeout, and cancels it where the vendor can', async () => {
    await using one = await openOne({ timeoutSeconds: 0.4 });
    const reported = await Promise.all(['price-scraper', 'support'].map((agent_id) => one.client.run({ agent_id })));
    for (const output of reported) {
      expect(output).toMatchObject({ type: 'error', status: 'timeout', errcode: 1001 });
      expect(output.description).toContain('did not end within its');
      expect((await one.client.read(output.run_id)).status).toBe('timeout');
    }
    expect((await (await one.restack.nextRun()).gotEvent()).body).toEqual({ eventName: 'end' });
    // A late success changes nothing, because the run is no longer polled.
    const upstream = await one.intuned.nextRun();
    upstream.say({ status: 'completed', result: 'late' });
    expect((await one.client.output(reported[0]?.run_id ?? '')).status).toBe('timeout');
  });

  test('a deadline does not wait for a poll that hangs', async () => {
    await using one = await openOne({ timeoutSeconds: 2 });
    one.intuned.twist = (step) => (step === 'poll' ? neverReply : null);
    expect((await one.client.run({ agent_id: 'price-scraper' })).status).toBe('timeout');
    expect(one.intuned.count('poll')).toBe(1);
  });

  test('a run that starts after its deadline passed is cancelled at the vendor', async () => {
    await using one = await openOne({ timeoutSeconds: 0.4 });
    const release = one.restack.hold('start');
    expect((await one.client.run({ agent_id: 'support' })).status).toBe('timeout');
    release();
    expect((await (await one.restack.nextRun()).gotEvent()).body).toEqual({ eventName: 'end' });
  });
});

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FaultRig, type Met } from './fault-rig.ts';
import { type Answering, breakOff, hangUp, neverReply, reply } from './manners.ts';
import { openSite, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

let rig: FaultRig;
let daring: FaultRig;
let impatient: FaultRig;
let rash: FaultRig;

beforeAll(async () => {
  rig = await FaultRig.open();
  daring = await FaultRig.open({ onUnknownStart: 'retry' });
  impatient = await FaultRig.open({}, 1);
  rash = await FaultRig.open({ onUnknownStart: 'retry' }, 1);
});

afterAll(async () => {
  for (const each of [rig, daring, impatient, rash]) await each.close();
});

describe.concurrent('a start that certainly did not happen', () => {
  test.each([
    ['429', reply(429, { message: 'slow down' })],
    ['429 with Retry-After', reply(429, { error: 'slow down' }, { 'retry-after': '0' })],
    ['429 with a date', reply(429, 'busy', { 'retry-after': new Date(0).toUTCString() })],
    [
      '503 with Retry-After',
      reply(503, '<html>maintenance</html>', { 'content-type': 'text/html', 'retry-after': '0' }),
    ],
    ["503 in the vendor's own words", reply(503, { message: 'maintenance', error: 'maintenance' })],
  ])('a start that certainly did not happen is retried after %s', async (_name, refusal) => {
    for (const { output, starts, started } of await rig.startMeets(refusal)) {
      expect(output).toMatchObject({ status: 'success', result: 'ran' });
      expect([starts, started]).toEqual([2, 1]);
    }
  });
});

/** Repeats the credential that it was sent, as careless servers do. */
const blab =
  (status: number): Answering =>
  (response, asked) => {
    const key = asked.headers['x-api-key'] ?? asked.headers.authorization;
    const message = `no access to this for ${key}\nforged line`;
    reply(status, asked.headers.authorization ? { error: message } : { message })(response, asked);
  };

describe.concurrent('a start that the vendor refuses', () => {
  test.each([400, 401, 403, 404, 422])(
    "a start that is refused with %i ends the run with the vendor's own message",
    async (status) => {
      const reported = await rig.startMeets(blab(status));
      for (const [index, blank] of ['[redacted]', 'Bearer [redacted]'].entries()) {
        expect(reported[index]).toMatchObject({
          starts: 1,
          started: 0,
          output: {
            type: 'error',
            status: 'error',
            errcode: 1003,
            description: `the vendor refused to start the run: no access to this for ${blank} forged line`,
          },
        });
      }
    },
  );

  const said: readonly (readonly [string, Answering, string])[] = [
    ['plain text', reply(403, 'go away'), 'go away'],
    ['a page', reply(404, '<h1>not found</h1>', { 'content-type': 'text/html' }), 'the vendor answered 404'],
    ['nothing', reply(401, ''), 'the vendor answered 401'],
    ['a nested message', reply(400, { error: { message: 'bad api', code: 'x' } }), 'bad api'],
    ['a list', reply(422, [{ loc: ['body'], msg: 'field required' }]), 'field required'],
    ['a redirection', reply(302, '', { location: 'http://127.0.0.1:1/' }), 'the vendor answered 302'],
  ];
  test.each(said)(
    'a refusal of a start that comes as %s describes the error of the run',
    async (_name, refusal, message) => {
      for (const { output } of await rig.startMeets(refusal)) {
        expect(output.description).toBe(`the vendor refused to start the run: ${message}`);
      }
    },
  );
});

/** Answers that leave open whether the start happened. */
const lost: readonly (readonly [string, Answering])[] = [
  ['500', reply(500, { message: 'boom', error: 'boom' })],
  ['502', reply(502, '<html>Bad Gateway</html>', { 'content-type': 'text/html' })],
  ['504', reply(504, { message: 'upstream timed out' })],
  ['a connection that goes', hangUp],
  ['an answer that breaks off', breakOff(201)],
  ['an answer that is no JSON', reply(200, 'OK')],
  ['an answer without a runId', reply(201, { status: 'pending' })],
];

describe.concurrent('a start with an unknown outcome', () => {
  function expectLost(met: readonly Met[]): void {
    for (const { output, starts, started } of met) {
      expect(output).toMatchObject({ type: 'error', status: 'error', errcode: 1002 });
      expect(output.description).toMatch(
        /^it is not known whether the vendor started the run, so it is not started again: \S/,
      );
      expect([starts, started]).toEqual([1, 0]);
    }
  }

  test.each(lost)('a start with an unknown outcome ends the run as 1002: %s', async (_name, answering) => {
    expectLost(await rig.startMeets(answering));
  });

  test.each(lost)(
    'a start with an unknown outcome is retried where the agent allows it: %s',
    async (_name, answering) => {
      for (const { output, starts, started } of await daring.startMeets(answering)) {
        expect(output).toMatchObject({ status: 'success', result: 'ran' });
        expect([starts, started]).toEqual([2, 1]);
      }
    },
  );

  test('a start without an answer in time ends the run as 1002, or is retried where the agent allows it', async () => {
    const [lostOnes, retried] = await Promise.all([impatient.startMeets(neverReply), rash.startMeets(neverReply)]);
    expectLost(lostOnes);
    for (const { output, starts } of retried) {
      expect(output.result).toBe('ran');
      expect(starts).toBeGreaterThanOrEqual(2);
    }
  });
});

describe.concurrent('while the vendor is away', () => {
  async function openOne(agent = {}) {
    const intuned = await IntunedStandIn.open();
    intuned.plan = () => ({ status: 'completed', result: 'ran' });
    const site = await openSite({ intuned, agents: [{ ...scraper, ...agent }] });
    const close = async () => {
      await site[Symbol.asyncDispose]();
      await intuned[Symbol.asyncDispose]();
    };
    return { intuned, site, client: site.client, [Symbol.asyncDispose]: close };
  }

  test('a run waits while the vendor refuses connections, and starts when it is back', async () => {
    await using one = await openOne();
    await one.intuned.silence();
    const { run_id } = await one.client.create({ agent_id: 'price-scraper' });
    const idle = await one.client.ask('GET', `/runs/${run_id}/output?block_timeout=1`);
    expect(idle.status).toBe(204);
    expect(one.site.log).toContainEqual(
      expect.objectContaining({
        run_id,
        agent: 'price-scraper',
        backend: 'intuned',
        purpose: 'start',
        kind: 'refused',
      }),
    );
    await one.intuned.listen();
    expect((await one.client.output(run_id)).result).toBe('ran');
    expect([one.intuned.count('start'), one.intuned.runs.length]).toEqual([1, 1]);
  });

  test('a run waits while connections are reset before anything was sent, and starts once', async () => {
    await using one = await openOne();
    let left = 2;
    one.intuned.greet = (socket) => {
      left -= 1;
      if (left >= 0) socket.resetAndDestroy();
    };
    expect((await one.client.run({ agent_id: 'price-scraper' })).result).toBe('ran');
    expect(left).toBeLessThan(0);
    expect([one.intuned.count('start'), one.intuned.runs.length]).toEqual([1, 1]);
  });

  test('a start is not retried before its Retry-After is over, however short the usual wait', async () => {
    const own = await FaultRig.open();
    own.intuned.surprise('start', reply(429, { message: 'in a minute' }, { 'retry-after': '60' }));
    const reported = await own.site.client.create({ agent_id: 'price-scraper' });
    await own.intuned.counted('start', 1);
    // The second wait of a run at the other vendor is longer than the first one of this run would be.
    own.restack.surprise('start', reply(503, { error: 'down' }), reply(503, { error: 'down' }));
    expect((await own.site.client.run({ agent_id: 'support' })).result).toBe('ran');
    expect([own.restack.count('start'), own.intuned.count('start')]).toEqual([3, 1]);
    expect((await own.site.client.read(reported.run_id)).status).toBe('pending');
    await own.close();
  });

  test('a start is retried until the deadline of the run, and not after it', async () => {
    await using one = await openOne({ timeoutSeconds: 2 });
    one.intuned.twist = (step) => (step === 'start' ? reply(503, { message: 'down' }) : null);
    const output = await one.client.run({ agent_id: 'price-scraper' });
    expect(output).toMatchObject({ type: 'error', status: 'timeout', errcode: 1001 });
    expect(one.intuned.count('start')).toBeGreaterThanOrEqual(2);
    expect(one.intuned.runs).toEqual([]);
  });

  test('a run whose start gets no answer delays no other run', async () => {
    await using one = await openOne();
    const release = one.intuned.hold('start');
    const slow = await one.client.create({ agent_id: 'price-scraper' });
    await one.intuned.counted('start', 1);
    const others = Promise.all([1, 2, 3].map(() => one.client.create({ agent_id: 'price-scraper' })));
    for (const { status } of await others) expect(status).toBe('pending');
    await one.intuned.counted('start', 4);
    release();
    expect((await one.client.output(slow.run_id)).result).toBe('ran');
  });
});

import { describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { hangUp, reply } from './manners.ts';
import { openSite, support } from './site.ts';
import { type RestackShape, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

/** A number that a double cannot hold. */
const exact = readJson('9007199254740993');
const question = { interrupt_type: 'approval', question: 'refund 12.50?', order: exact };
const waiting = { status: 'running', output: { interrupt: question } };
const asking = { ...support, mapping: { interrupt: 'output.interrupt' } };

async function openRestack(agent: JsonObject = asking, shape: RestackShape = 'engine') {
  const restack = await RestackStandIn.open();
  restack.shape = shape;
  restack.plan = () => waiting;
  const site = await openSite({ restack, agents: [agent] });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  /** A run that waits for a payload. */
  const interrupt = async () => {
    const output = await site.client.run({ agent_id: 'support' });
    return { output, runId: output.run_id, upstream: await restack.nextRun() };
  };
  return { restack, site, client: site.client, interrupt, [Symbol.asyncDispose]: close };
}

describe.concurrent('an interrupted run', () => {
  test('an interrupted run waits, is resumed by the event, and goes on to its end', async () => {
    await using rig = await openRestack();
    const { output, runId, upstream } = await rig.interrupt();
    expect(output).toEqual({ type: 'interrupt', run_id: runId, status: 'interrupted', interrupt: question });
    expect((await rig.client.search({ status: 'interrupted' })).map(({ run_id }) => run_id)).toEqual([runId]);
    const stream = await rig.client.stream(runId);
    await stream.find(({ type }) => type === 'interrupt');

    expect((await rig.client.resume(runId, { approved: true, by: 'ada' })).status).toBe('pending');
    expect(await upstream.gotEvent()).toMatchObject({
      method: 'PUT',
      path: `/api/agents/CustomerSupportAgent/${RestackStandIn.ownerOf(upstream)}/${upstream.id}`,
      body: { eventName: 'resume', eventInput: { approved: true, by: 'ada' } },
    });
    upstream.say({ status: 'completed', output: { reply: 'refunded' } });
    expect(await rig.client.output(runId)).toMatchObject({ status: 'success', result: { reply: 'refunded' } });
    const kinds = (await stream.end()).map(({ data }) => data.type);
    expect(kinds).toEqual(['custom', 'custom', 'interrupt', 'custom', 'custom', 'result']);
    expect(upstream.events).toHaveLength(1);
  });

  test('an answered interrupt does not interrupt the run again until a poll no longer showed it', async () => {
    await using rig = await openRestack();
    const { runId, upstream } = await rig.interrupt();
    await rig.client.resume(runId, { approved: false });
    await upstream.gotEvent();
    // The same question, its members in another order.
    upstream.say({ status: 'running', output: { interrupt: Object.fromEntries(Object.entries(question).reverse()) } });
    await upstream.polled(4);
    expect((await rig.client.read(runId)).status).toBe('pending');
    // Another question is a new interrupt.
    upstream.say({ status: 'running', output: { interrupt: { ...question, question: 'sure?' } } });
    expect((await rig.client.output(runId)).interrupt).toEqual({ ...question, question: 'sure?' });
    await rig.client.resume(runId, 'yes');
    await upstream.gotEvent(1);
    upstream.say({ status: 'running' });
    await upstream.polled(2);
    // The agent asks the very same once more: that is no stale answer any more.
    upstream.say({ status: 'running', output: { interrupt: { ...question, question: 'sure?' } } });
    expect((await rig.client.output(runId)).status).toBe('interrupted');
  });

  test('an interrupted run is pending again when the agent goes on by itself', async () => {
    await using rig = await openRestack();
    const { runId, upstream } = await rig.interrupt();
    upstream.say({ status: 'running' });
    await upstream.polled(2);
    expect((await rig.client.ask('GET', `/runs/${runId}/output`)).status).toBe(204);
    upstream.say({ status: 'failed', error: 'no answer came' });
    expect((await rig.client.output(runId)).description).toBe('no answer came');
  });

  test.each([
    ['a poll shows it', 'agent-77', (id: string) => `agent-77/${id}`],
    ['nothing shows it', undefined, (id: string) => `${id}/${id}`],
  ])('a run whose start answered no agentId is resumed where %s', async (_name, agentId, place) => {
    await using rig = await openRestack(asking, 'documented');
    rig.restack.plan = () => ({ ...waiting, ...(agentId === undefined ? {} : { agentId }) });
    const { runId, upstream } = await rig.interrupt();
    await rig.client.resume(runId, { ok: 1 });
    expect((await upstream.gotEvent()).path).toBe(`/api/agents/CustomerSupportAgent/${place(upstream.id)}`);
  });
});

describe.concurrent('POST /runs/{run_id}', () => {
  test('POST /runs/{run_id} takes any JSON, and sends the event that the payload names', async () => {
    await using rig = await openRestack();
    const payloads: readonly (readonly [Json, JsonObject])[] = [
      ['yes', { eventName: 'resume', eventInput: 'yes' }],
      [[1, 2], { eventName: 'resume', eventInput: [1, 2] }],
      [[7], { eventName: 'resume', eventInput: [7] }],
      [exact, { eventName: 'resume', eventInput: exact }],
      [{ amount: [exact] }, { eventName: 'resume', eventInput: { amount: [exact] } }],
      [
        { eventName: 'chat', eventInput: exact },
        { eventName: 'chat', eventInput: exact },
      ],
      [false, { eventName: 'resume', eventInput: false }],
      [null, { eventName: 'resume', eventInput: null }],
      [{}, { eventName: 'resume', eventInput: {} }],
      [{ eventName: 'end' }, { eventName: 'end' }],
      [
        { eventName: 'chat', eventInput: { text: 'hi' } },
        { eventName: 'chat', eventInput: { text: 'hi' } },
      ],
    ];
    for (const [payload, event] of payloads) {
      const { runId, upstream } = await rig.interrupt();
      expect((await rig.client.resume(runId, payload)).status).toBe('pending');
      expect((await upstream.gotEvent()).body).toEqual(event);
    }
  });

  test('a resume payload is sent as the mapping translates it', async () => {
    const resume = "{'eventName': interrupt.interrupt_type, 'eventInput': {'answer': payload.ok, 'of': run.run_id}}";
    await using rig = await openRestack({ ...support, mapping: { interrupt: 'output.interrupt', resume } });
    const { runId, upstream } = await rig.interrupt();
    await rig.client.resume(runId, { ok: true });
    expect((await upstream.gotEvent()).body).toEqual({
      eventName: 'approval',
      eventInput: { answer: true, of: runId },
    });
  });

  test('a resume payload is checked against the schema of the interrupt that it answers', async () => {
    const resume_payload = { type: 'object', required: ['approved'], properties: { approved: { type: 'boolean' } } };
    const schemas = { interrupts: [{ interrupt_type: 'approval', interrupt_payload: {}, resume_payload }] };
    await using rig = await openRestack({ ...asking, schemas });
    const { runId, upstream } = await rig.interrupt();
    const wrong = await rig.client.ask('POST', `/runs/${runId}`, { approved: 'yes' });
    expect([wrong.status, wrong.body]).toEqual([422, expect.stringContaining('payload/approved')]);
    expect((await rig.client.ask('POST', `/runs/${runId}`)).status).toBe(422);
    expect(upstream.events).toEqual([]);
    await rig.client.resume(runId, { approved: true });
    await upstream.gotEvent();
    const { body } = await rig.client.ask('GET', '/agents/support/descriptor');
    expect(body).toMatchObject({ specs: { capabilities: { interrupts: true }, interrupts: schemas.interrupts } });
  });

  test('a resume is refused with 409 where no run is interrupted, and accepted once when ten clients answer at once', async () => {
    await using rig = await openRestack();
    const { runId, upstream } = await rig.interrupt();
    const tries = Array.from({ length: 10 }, (_, n) => rig.client.ask('POST', `/runs/${runId}`, { n }));
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([200, ...Array.from({ length: 9 }, () => 409)]);
    await upstream.gotEvent();
    expect(await rig.client.ask('POST', `/runs/${runId}`, {})).toMatchObject({
      status: 409,
      body: 'the run is not interrupted',
    });
    upstream.say({ status: 'completed' });
    await rig.client.output(runId);
    expect((await rig.client.ask('POST', `/runs/${runId}`, {})).status).toBe(409);
    expect(upstream.events).toHaveLength(1);
  });
});

describe.concurrent('an event that the vendor does not take', () => {
  test.each([
    ['503', reply(503, { error: 'starting' }, { 'retry-after': '0' })],
    ['429', reply(429, { error: 'slow down' })],
  ])('an event that the vendor refuses is sent again after %s', async (_name, refusal) => {
    await using rig = await openRestack();
    rig.restack.surprise('event', refusal);
    const { runId, upstream } = await rig.interrupt();
    await rig.client.resume(runId, { approved: true });
    await upstream.gotEvent();
    expect(rig.restack.count('event')).toBe(2);
  });

  test.each([
    ['404', reply(404, { error: 'agent not found' }), 'agent not found'],
    ['500', reply(500, { error: 'boom' }), 'boom'],
    ['a connection that goes', hangUp, 'the vendor closed the connection before its answer was complete'],
  ])(
    'an event that fails with %s interrupts the run again with a note, and can be sent again',
    async (_name, refusal, reason) => {
      await using rig = await openRestack();
      rig.restack.surprise('event', refusal);
      const { runId, upstream } = await rig.interrupt();
      await rig.client.resume(runId, { approved: true });
      const stream = await rig.client.stream(runId);
      const reported = await stream.find(({ update }) => (update as JsonObject)?.note !== undefined);
      expect((reported.data.update as JsonObject).note).toContain(reason);
      expect((await rig.client.output(runId)).interrupt).toEqual(question);
      await rig.client.resume(runId, { approved: true });
      expect((await upstream.gotEvent()).body).toMatchObject({ eventInput: { approved: true } });
      expect(rig.restack.count('event')).toBe(2);
    },
  );
});

test.concurrent('a status of the vendor can be the interrupt', async () => {
  const mapping = { status: { blocked: 'interrupted' }, interrupt: "status = 'blocked' ? {'why': output.why} : null" };
  await using rig = await openRestack({ ...support, mapping });
  rig.restack.plan = () => ({ status: 'blocked', output: { why: 'captcha' } });
  const { output, runId, upstream } = await rig.interrupt();
  expect(output.interrupt).toEqual({ why: 'captcha' });
  await rig.client.resume(runId, { solved: 'x7' });
  await upstream.gotEvent();
  upstream.say({ status: 'completed', output: { ok: true } });
  expect((await rig.client.output(runId)).result).toEqual({ ok: true });
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { PeerClient } from './client.ts';
import type { WebhookReceiver } from './webhook-receiver.ts';

/** What was seen, in a word; throws what went wrong. Null: the vendor has no such thing. */
export type Check = {
  readonly name: string;
  run(client: PeerClient, receiver: WebhookReceiver): Promise<string | null>;
};

/** Runs that the vendor itself lists in addition to those that it had before. */
async function countStarts(client: PeerClient, work: () => Promise<void>): Promise<number> {
  const before = await client.listed();
  await work();
  return (await client.listed()).length - before.length;
}

export const checks: readonly Check[] = [
  {
    name: 'create and wait',
    async run(client) {
      const text = randomUUID();
      const starts = await countStarts(client, async () => {
        const { run, output } = await client.createAndWait({ mode: 'echo', text });
        assert.equal(run.status, 'success', JSON.stringify(output));
        assert.ok(JSON.stringify(output).includes(text), 'the output is not the answer of the agent');
      });
      assert.equal(starts, 1);
      return 'success';
    },
  },
  {
    name: 'failure with its description',
    async run(client) {
      const text = 'the kettle is empty';
      const { run, output } = await client.createAndWait({ mode: 'fail', text });
      assert.equal(run.status, 'error');
      assert.ok(output?.description?.includes(text), `described as: ${output?.description}`);
      return `error ${output?.errcode}`;
    },
  },
  {
    name: 'one key, one start',
    async run(client) {
      const [key, text] = [randomUUID(), randomUUID()];
      const ids = new Set<string>();
      const starts = await countStarts(client, async () => {
        for (let time = 0; time < 3; time++)
          ids.add(await client.create({ mode: 'echo', text }, {}, { 'idempotency-key': key }));
        for (const id of ids) assert.equal((await client.wait(id)).run.status, 'success');
      });
      assert.deepEqual([ids.size, starts], [1, 1]);
      const other = { agent_id: client.peer.name, input: { mode: 'echo', text: 'another' } };
      assert.equal((await client.call('POST', '/runs', other, { 'idempotency-key': key })).status, 422);
      return '3 requests, 1 start';
    },
  },
  {
    name: 'stream, cut and continued by Last-Event-ID',
    async run(client) {
      const text = randomUUID();
      const id = await client.create({ mode: 'slow', text, ms: 1500 });
      const head = await client.stream(id, { max: 1 });
      const tail = await client.stream(id, { after: head.at(-1)?.id ?? '' });
      const whole = await client.stream(id);
      assert.deepEqual([...head, ...tail], whole);
      assert.ok(head.length === 1 && tail.length > 0, 'the stream was not cut in the middle');
      assert.ok(tail.at(-1)?.data.includes(text), 'the stream does not end with the answer');
      return `${whole.length} events, none twice`;
    },
  },
  {
    name: 'webhook, signed',
    async run(client, receiver) {
      const id = await client.create({ mode: 'echo', text: 'hook' }, { webhook: receiver.url });
      const { status } = await receiver.untilEnd(id);
      assert.equal(status, 'success');
      return 'delivered';
    },
  },
  {
    name: 'search by agent and status',
    async run(client) {
      const [good, bad] = [
        await client.create({ mode: 'echo', text: 'a' }),
        await client.create({ mode: 'fail', text: 'b' }),
      ];
      await client.wait(good);
      await client.wait(bad);
      const [successes, errors] = [
        await client.search({ status: 'success' }),
        await client.search({ status: 'error' }),
      ];
      assert.deepEqual([successes.includes(good), successes.includes(bad)], [true, false]);
      assert.deepEqual([errors.includes(good), errors.includes(bad)], [false, true]);
      return 'found';
    },
  },
  {
    name: 'unknown field',
    async run(client) {
      const starts = await countStarts(client, async () => {
        const body = { agent_id: client.peer.name, input: { mode: 'echo', text: 'x' }, webhok: 'http://x.example' };
        const answer = await client.call('POST', '/runs', body);
        assert.equal(answer.status, 422);
        assert.match(await answer.text(), /webhok.*webhook/s);
      });
      assert.equal(starts, 0);
      return '422, no start';
    },
  },
  {
    name: 'interrupt and resume',
    async run(client) {
      if (!client.peer.asks) return null;
      const asked = await client.createAndWait({ mode: 'ask', text: 'which city?' });
      assert.equal(asked.run.status, 'interrupted', JSON.stringify(asked));
      assert.ok(JSON.stringify(asked.output).includes('which city?'), 'the question is missing');
      const answer = await client.call('POST', `/runs/${asked.run.run_id}`, { text: 'Paris' });
      assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
      const { run, output } = await client.wait(asked.run.run_id);
      assert.equal(run.status, 'success', JSON.stringify(output));
      assert.ok(JSON.stringify(output).includes('Paris'), 'the answer did not arrive');
      return 'asked, answered';
    },
  },
  {
    name: 'cancel',
    async run(client) {
      const before = await client.listed();
      const known = new Set(before.map(({ id }) => id));
      const id = await client.create({ mode: 'slow', text: 'long', ms: 60_000 });
      const isLive = (state: string): boolean => client.peer.live.includes(state);
      await client.untilListed('the run', (runs) => runs.some((run) => !known.has(run.id) && isLive(run.state)));
      const answer = await client.call('POST', `/runs/${id}/cancel`);
      assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
      const ended = await client.untilListed('an ended run', (runs) => runs.every(({ state }) => !isLive(state)));
      return `${ended.find((run) => !known.has(run.id))?.state} at the vendor`;
    },
  },
];

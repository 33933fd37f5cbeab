import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { type KillPlace, startedOnce } from '../../gateway/killed-gateways.ts';
import { type KilledSite, openKilledSite, shown, whole } from '../killed-site.ts';

const question = { question: 'Refund 12.50?' };
const connectWithinMs = 60_000;

export type Tally = { readonly kills: number; readonly starts: number; readonly responses: number };

/** The SDK creates responses in the background, their gateway is killed, and the next one is asked to go on. */
export async function surviveKills(place: KillPlace, rounds: number): Promise<Tally> {
  await using opened = await openKilledSite(place);
  const { restack, gateways } = opened;
  const site = { restack, gateways, responses: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const named = `${place.name} ${round}`;
    for (let at = 0; at < shown.length; at += 1) await streamOn(site, `${named} text ${at}`, at);
    await answerAfterKill(site, `${named} question`);
    await cancelAfterKill(site, `${named} cancel`);
  }
  return { kills: gateways.kills, starts: restack.count('start'), responses: site.responses };
}

type Site = Pick<KilledSite, 'restack' | 'gateways'> & { responses: number };

/** A client of the gateway in use. */
function clientOf({ gateways }: Site): OpenAI {
  return new OpenAI({ baseURL: `${gateways.url}/v1`, apiKey: 'none', maxRetries: 0 });
}

async function killFirst(site: Site): Promise<OpenAI> {
  await site.gateways.kill();
  return clientOf(site);
}

async function create(site: Site, input: string): Promise<{ readonly made: Response; readonly client: OpenAI }> {
  const client = clientOf(site);
  const made = await client.responses.create({ model: 'support', input, background: true });
  site.responses += 1;
  return { made, client };
}

async function streamOn(site: Site, input: string, killAt: number): Promise<void> {
  const { made, client } = await create(site, input);
  const upstream = await startedOnce(site.restack, input);
  const seen: ResponseStreamEvent[] = [];
  upstream.say({ status: 'running', output: { reply: shown[0] ?? '' } });
  for await (const event of await client.responses.retrieve(made.id, { stream: true })) {
    seen.push(event);
    const at = shown.indexOf(textOf(seen));
    if (at === killAt) break;
    if (at >= 0) upstream.say({ status: 'running', output: { reply: shown[at + 1] ?? '' } });
  }
  const next = await killFirst(site);
  upstream.say({ status: 'completed', output: { reply: whole } });
  const last = seen.at(-1)?.sequence_number ?? 0;
  const rest: ResponseStreamEvent[] = [];
  const options = { timeout: connectWithinMs };
  for await (const event of await next.responses.retrieve(made.id, { stream: true, starting_after: last }, options))
    rest.push(event);
  assert.equal(textOf(seen) + textOf(rest), whole);
  assert.equal(rest.at(-1)?.type, 'response.completed');
  assert.ok(rest.every(({ sequence_number: number }) => number > last));
  const response = await next.responses.retrieve(made.id);
  assert.deepEqual([response.status, response.output_text], ['completed', whole]);
  await startedOnce(site.restack, input);
}

async function answerAfterKill(site: Site, input: string): Promise<void> {
  const { made, client } = await create(site, input);
  const upstream = await startedOnce(site.restack, input);
  upstream.say({ status: 'running', output: { interrupt: question } });
  const asked = await settle(client, made.id);
  const [call] = asked.output;
  assert.equal(call?.type, 'function_call');
  const next = await killFirst(site);
  const answering = next.responses.create(
    {
      previous_response_id: made.id,
      background: true,
      input: [{ type: 'function_call_output', call_id: call.call_id, output: '{"approved":true}' }],
    },
    { timeout: connectWithinMs },
  );
  const { id } = await answering;
  site.responses += 1;
  await upstream.gotEvent();
  const last = await killFirst(site);
  upstream.say({ status: 'completed', output: { reply: 'Refunded.' } });
  const answer = await settle(last, id);
  assert.deepEqual([answer.status, answer.output_text], ['completed', 'Refunded.']);
  assert.equal(upstream.events.length, 1);
  assert.equal((await last.responses.retrieve(made.id)).output[0]?.type, 'function_call');
}

async function cancelAfterKill(site: Site, input: string): Promise<void> {
  const { made, client } = await create(site, input);
  // A start without an answer is in doubt, and ends as failed.
  await until(client, made.id, ({ status }) => status === 'in_progress');
  const next = await killFirst(site);
  assert.equal((await next.responses.cancel(made.id)).status, 'cancelled');
  assert.equal((await next.responses.retrieve(made.id)).status, 'cancelled');
  await startedOnce(site.restack, input);
}

/** The response once it is over. */
async function settle(client: OpenAI, id: string): Promise<Response> {
  return await until(client, id, ({ status }) => status !== 'queued' && status !== 'in_progress');
}

async function until(client: OpenAI, id: string, holds: (response: Response) => boolean): Promise<Response> {
  const deadline = Date.now() + connectWithinMs;
  for (;;) {
    const response = await client.responses.retrieve(id);
    if (holds(response)) return response;
    if (Date.now() > deadline) throw new Error(`${id} is still ${response.status}`);
    await sleep(50);
  }
}

function textOf(events: readonly ResponseStreamEvent[]): string {
  return events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
}

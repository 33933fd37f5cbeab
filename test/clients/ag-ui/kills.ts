import assert from 'node:assert/strict';
import type { RunAgentParameters } from '@ag-ui/client';
import type { RunFinishedEvent } from '@ag-ui/core';
import { type KillPlace, startedOnce } from '../../gateway/killed-gateways.ts';
import { AgUiClient } from '../ag-ui-client.ts';
import { type KilledSite, openKilledSite, shown, whole } from '../killed-site.ts';

export type Tally = { readonly kills: number; readonly starts: number; readonly runs: number };

type Site = Pick<KilledSite, 'restack' | 'gateways'> & { runs: number };

/** The client's gateway is killed in the middle of its runs, and it asks again as its protocol says: the same ids and message. */
export async function surviveKills(place: KillPlace, rounds: number): Promise<Tally> {
  await using opened = await openKilledSite(place);
  const { restack, gateways } = opened;
  const site = { restack, gateways, runs: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const named = `${place.name} ${round}`;
    for (let at = 0; at < shown.length; at += 1) await readOn(site, `${named} text ${at}`, at);
    await answerAfterKill(site, `${named} question`);
    await stopAfterKill(site, `${named} stop`);
  }
  return { kills: gateways.kills, starts: restack.count('start'), runs: site.runs };
}

/** A client whose thread has the message; the gateway in use is where it asks. */
function clientOf(site: Site, input: string): AgUiClient {
  const { url } = site.gateways;
  site.runs += 1;
  return new AgUiClient(url, { threadId: input, url: `${url}/ag-ui/support` }).say(input);
}

/** Lets the client ask where the gateways are now. Whatever it knows stays. */
function follow({ gateways }: Site, client: AgUiClient): void {
  client.agent.url = `${gateways.url}/ag-ui/support`;
}

function deltasOf({ events }: AgUiClient): string {
  return events.map((event) => ('delta' in event ? `${event.delta}` : '')).join('');
}

async function readOn(site: Site, input: string, killAt: number): Promise<void> {
  const client = clientOf(site, input);
  const cut = client.run({ runId: input }).then(
    () => assert.fail('the stream was not cut'),
    () => {},
  );
  const upstream = await startedOnce(site.restack, input);
  for (const reply of shown.slice(0, killAt + 1)) {
    upstream.say({ status: 'running', output: { reply } });
    await client.received(() => deltasOf(client) === reply);
  }
  const [before] = await Promise.all([deltasOf(client), site.gateways.kill(), cut]);
  upstream.say({ status: 'completed', output: { reply: whole } });
  follow(site, client);
  const { result, finished } = await client.run({ runId: input });
  assert.deepEqual(result, { reply: whole });
  assert.equal(finished.outcome?.type, 'success');
  assert.equal(before + deltasOf(client), whole);
  assert.deepEqual(
    client.agent.messages.map(({ content }) => content),
    [input, whole],
  );
  await startedOnce(site.restack, input);
}

async function answerAfterKill(site: Site, input: string): Promise<void> {
  site.restack.plan = () => ({ status: 'running', output: { interrupt: { question: 'Refund 12.50?' } } });
  const client = clientOf(site, input);
  await client.run({ runId: input });
  site.restack.plan = () => ({ status: 'running' });
  const upstream = await startedOnce(site.restack, input);
  const [asked] = client.agent.pendingInterrupts;
  assert.ok(asked !== undefined, 'the client was asked nothing');
  await site.gateways.kill();
  follow(site, client);
  const answer: RunAgentParameters = {
    runId: `${input}, answer`,
    resume: [{ interruptId: asked.id, status: 'resolved', payload: { approved: true } }],
  };
  const cut = client.run(answer).then(
    () => assert.fail('the stream was not cut'),
    () => {},
  );
  await upstream.gotEvent();
  await upstream.polled();
  await Promise.all([site.gateways.kill(), cut]);
  const other = new AgUiClient(site.gateways.url, { threadId: input, url: `${site.gateways.url}/ag-ui/support` });
  const contrary = { interruptId: asked.id, status: 'resolved' as const, payload: { approved: false } };
  const { finished: refused } = await other.run({ runId: `${input}, contrary`, resume: [contrary] });
  assert.equal(refused.code, 'question_answered');
  upstream.say({ status: 'completed', output: { reply: 'Refunded.' } });
  follow(site, client);
  const { result } = await client.run(answer);
  assert.deepEqual(result, { reply: 'Refunded.' });
  assert.equal(upstream.events.length, 1);
}

/** Stop, as people press it after the page has come back. */
async function stopAfterKill(site: Site, input: string): Promise<void> {
  const client = clientOf(site, input);
  const cut = client.run({ runId: input }).catch(() => {});
  const upstream = await startedOnce(site.restack, input);
  await upstream.polled();
  await Promise.all([site.gateways.kill(), cut]);
  follow(site, client);
  const joined = client.run({ runId: input });
  await client.received(() => client.events.length > 1);
  client.agent.abortRun();
  await joined;
  const { finished } = await client.run({ runId: input });
  assert.equal((finished as RunFinishedEvent).outcome?.type, 'cancelled');
  await startedOnce(site.restack, input);
}

import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { reply } from './manners.ts';
import { ask, stringIn } from './protocols.ts';
import { SessionStandIn } from './session-vendor.ts';
import { openSite, type Site, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';
import type { StandIn, Step } from './vendor.ts';

vi.setConfig({ testTimeout: 60_000 });

const patience = { timeout: 20_000, interval: 10 };
const resumable: JsonObject = { ...support, name: 'resumable', mapping: { interrupt: 'output.interrupt' } };
const cancellable: JsonObject = {
  name: 'cancellable',
  backend: 'restack',
  target: { agent: 'Worker', cancelEvent: { eventName: 'stop' } },
};
const chat: JsonObject = { name: 'chat', backend: 'restack', target: { agent: 'Chat', mode: 'thread' } };

/** The vendors and their gateway; `slow` makes the vendor answer the next call of a step with the status. */
type Scene = {
  readonly site: Site;
  readonly intuned: IntunedStandIn;
  readonly restack: RestackStandIn;
  readonly slow: (vendor: StandIn, step: Step) => void;
};

/** A kind of call, the backend that it goes to, and how one run makes it. */
type Call = {
  readonly backend: 'intuned' | 'restack';
  readonly step: Step;
  /** The vendor remembers the messages of a session. */
  readonly isSession?: true;
  readonly make: (scene: Scene) => Promise<void>;
};

const create = async ({ client }: Site, agent: string): Promise<string> =>
  (await client.create({ agent_id: agent, input: {} })).run_id;

const calls: Readonly<Record<string, Call>> = {
  'a start at Intuned': {
    backend: 'intuned',
    step: 'start',
    make: async ({ site, intuned, slow }) => {
      slow(intuned, 'start');
      await create(site, 'price-scraper');
    },
  },
  'a poll at Intuned': {
    backend: 'intuned',
    step: 'poll',
    make: async ({ site, intuned, slow }) => {
      slow(intuned, 'poll');
      await create(site, 'price-scraper');
    },
  },
  'a start at Restack': {
    backend: 'restack',
    step: 'start',
    make: async ({ site, restack, slow }) => {
      slow(restack, 'start');
      await create(site, 'cancellable');
    },
  },
  'a poll at Restack': {
    backend: 'restack',
    step: 'poll',
    make: async ({ site, restack, slow }) => {
      slow(restack, 'poll');
      await create(site, 'cancellable');
    },
  },
  'a payload at Restack': {
    backend: 'restack',
    step: 'event',
    make: async ({ site, restack, slow }) => {
      restack.plan = () => ({ status: 'running', output: { interrupt: { question: 'go?' } } });
      const { run_id: runId } = await site.client.run({ agent_id: 'resumable' });
      slow(restack, 'event');
      await site.client.resume(runId, { yes: true });
    },
  },
  'a cancellation at Restack': {
    backend: 'restack',
    step: 'event',
    make: async ({ site, restack, slow }) => {
      const runId = await create(site, 'cancellable');
      await (await restack.nextRun()).polled();
      slow(restack, 'event');
      await site.client.ask('DELETE', `/runs/${runId}`);
    },
  },
  'a message at Restack': {
    isSession: true,
    backend: 'restack',
    step: 'event',
    make: async ({ site: { client }, restack, slow }) => {
      const { body } = await ask(client.url, 'POST', '/acp/v0.2/threads', {});
      const path = `/acp/v0.2/threads/${stringIn(body, 'thread_id')}/runs`;
      await ask(client.url, 'POST', `${path}/wait`, { agent_id: 'chat', input: { text: 'a' } });
      slow(restack, 'event');
      await ask(client.url, 'POST', path, { agent_id: 'chat', input: { text: 'b' } });
    },
  },
};

async function stateOf({ client }: Site, backend: string): Promise<unknown> {
  const { body } = await client.ask('GET', '/health/ready');
  const states = isJsonObject(body) && isJsonObject(body.backends) ? body.backends[backend] : null;
  return isJsonObject(states) ? states.state : states;
}

/** Answers that slow the run which made the call, and those that pause its account. */
const slowing = [400, 404, 408, 409, 423, 425, 500, 502, 504];
const pausing = [429, 503];
const rows = Object.entries(calls).flatMap(([name, call]) =>
  [...slowing, ...pausing].map((status) => [name, status, pausing.includes(status), call] as const),
);

describe.concurrent('an answer with Retry-After: 120', () => {
  test.each(rows)('%s that is answered %i pauses its account: %s', async (_name, status, isPausing, call) => {
    await using intuned = await IntunedStandIn.open();
    await using restack = await (call.isSession === true ? SessionStandIn : RestackStandIn).open();
    restack.plan = () => ({ status: 'running' });
    intuned.plan = () => ({ status: 'started' });
    const agents = [scraper, resumable, cancellable, chat];
    await using site = await openSite({ intuned, restack, agents, sections: { limits: { maxBlockSeconds: 30 } } });
    const vendor = call.backend === 'intuned' ? intuned : restack;
    let isSlowed = false;
    const slow = (of: StandIn, step: Step): void =>
      of.surprise(step, (response, asked) => {
        isSlowed = true;
        reply(status, { message: 'not now' }, { 'retry-after': '120' })(response, asked);
      });
    await call.make({ site, intuned, restack, slow });
    await vi.waitFor(() => expect(isSlowed).toBe(true), patience);
    if (isPausing) {
      await vi.waitFor(async () => expect(await stateOf(site, call.backend)).toBe('paused'), patience);
      return;
    }
    // Another run of the account is started and polled at once.
    const starts = vendor.count('start');
    await create(site, call.backend === 'intuned' ? 'price-scraper' : 'cancellable');
    await vendor.counted('start', starts + 1);
    await (await vi.waitUntil(() => vendor.runs.at(-1), patience)).seen();
    expect(await stateOf(site, call.backend)).not.toBe('paused');
  });
});

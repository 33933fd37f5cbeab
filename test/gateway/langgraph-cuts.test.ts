import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CuttingProxy } from './cutting-proxy.ts';
import { clients, LangGraphSite, type Part } from './langgraph-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let site: LangGraphSite;
beforeAll(async () => {
  site = await LangGraphSite.open();
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
});

const versions = Object.keys(clients) as (keyof typeof clients)[];

test.concurrent.each(versions)(
  'a stream that is cut goes on by itself in the client %s, with no event twice',
  async (version) => {
    await using proxy = await CuttingProxy.open(site.root);
    const client = site.client(version, `${proxy.url}/langgraph`);
    const threadId = await site.newThread();
    const input = { messages: [{ type: 'human', content: version, id: 'h-1' }] };
    const parts: Part[] = [];
    const isSaid = Promise.withResolvers<void>();
    const reading = (async () => {
      const streamMode = ['values', 'messages-tuple', 'custom'] as never;
      for await (const part of client.runs.stream(threadId, 'talk', { input, streamMode })) {
        parts.push(part as Part);
        if (part.event === ('messages' as string)) isSaid.resolve();
      }
    })();
    const upstream = await site.vendor.bell.until(() =>
      site.vendor.runs.find(({ asked }) => JSON.stringify(asked.body).includes(version)),
    );
    upstream.say({ status: 'running', output: { reply: 'Hel' } });
    await isSaid.promise;
    proxy.cut();
    upstream.say({ status: 'running', output: { reply: 'Hello, w' } });
    await upstream.polled(3);
    upstream.say({ status: 'completed', output: { reply: 'Hello, world' } });
    await reading;
    const ids = parts.map(({ id }) => Number(id));
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
    expect(parts.map(({ event }) => event).filter((event) => event === 'metadata')).toHaveLength(1);
    const shown = parts.reduce((text, { event, data }) => {
      if (event !== 'messages') return text;
      const [{ type, content }] = data as [{ type: string; content: string }];
      return type === 'remove' ? '' : `${text}${content}`;
    }, '');
    expect(shown).toBe('Hello, world');
    expect(parts.at(-1)?.event).toBe('end');
  },
);

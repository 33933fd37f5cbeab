import { EventSource as PublishedEventSource } from 'eventsource';
import { EventSource as NodeEventSource } from 'undici';
import { expect, test } from 'vitest';
import { keyOf, openAuthSite } from '../access/auth-site.ts';
import { blocks } from './markdown-blocks.ts';

const key = keyOf('page');
const snippets = blocks.filter(({ language, attributes }) => language === 'js' && attributes['no-run'] === undefined);

test('the pages have one snippet for browsers', () => {
  expect(snippets.map(({ page }) => page)).toEqual(['docs/protocols/README.md']);
});

test.each([
  ["the package's", PublishedEventSource],
  ["Node's", NodeEventSource],
])(
  "the snippet for browsers shows a run's result and learns of its end, with %s EventSource",
  async (_whose, source) => {
    await using site = await openAuthSite({ sections: { auth: { keys: [key.entry] } } });
    const created = await site.ask(key.key, 'POST', '/runs', { agent_id: 'echo', input: { hello: 'page' } });
    const { run_id: runId } = created.body as { run_id: string };
    const ended = Promise.withResolvers<void>();
    const shown: unknown[] = [];
    const names = ['gateway', 'key', 'runId', 'EventSource', 'show', 'over'];
    // biome-ignore lint/security/noGlobalEval: the page's own snippet is what is tested
    const snippet = eval(`async (${names.join(', ')}) => {${snippets[0]?.text}}`) as (
      ...values: unknown[]
    ) => Promise<void>;
    await snippet(
      site.url,
      key.key,
      runId,
      source,
      (value: unknown) => void shown.push(value),
      () => ended.resolve(),
    );
    await ended.promise;
    expect(shown).toEqual([{ hello: 'page' }]);
  },
  60_000,
);

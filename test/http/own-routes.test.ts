import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Agent } from '../../src/contract/domain/agent.ts';
import { openSite, type SiteOptions } from './app.ts';

const metricsPage = { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'x 1\n' };
const everyRoute: SiteOptions = {
  renderMetrics: async () => metricsPage,
  pushed: async (_backend, token) => token === 'known',
};

/** The gateway's own paths and what they take; a protocol's path for comparison. */
const paths = [
  ['/health/live', 'HEAD, GET, OPTIONS'],
  ['/health/ready', 'HEAD, GET, OPTIONS'],
  ['/metrics', 'HEAD, GET, OPTIONS'],
  ['/docs', 'HEAD, GET, OPTIONS'],
  ['/docs/swagger-ui.css', 'HEAD, GET, OPTIONS'],
  ['/openapi.json', 'HEAD, GET, OPTIONS'],
  ['/acp/v0.1/openapi.json', 'HEAD, GET, OPTIONS'],
  ['/', 'HEAD, GET, OPTIONS'],
  ['/push/backend/known', 'POST, OPTIONS'],
  ['/push/backend', 'POST, OPTIONS'],
  ['/runs', 'POST, OPTIONS'],
] as const;

describe('paths', () => {
  test.each(paths)('OPTIONS %s is answered with 204 and Allow: %s', async (path, allow) => {
    await using site = await openSite(everyRoute);
    const answer = await site.fetch(path, { method: 'OPTIONS' });
    expect([answer.status, answer.headers.get('allow'), await answer.text()]).toEqual([204, allow, '']);
  });

  test.each(paths)(
    '%s refuses other methods with 405, Allow: %s and the error of its protocol',
    async (path, allow) => {
      await using site = await openSite(everyRoute);
      for (const method of ['PUT', 'DELETE', 'PROPFIND']) {
        const answer = await site.fetch(path, { method });
        expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
        const taken = allow.replace(', OPTIONS', '');
        expect(await answer.json()).toBe(`the path does not take this method: it takes ${taken}, and not ${method}`);
      }
    },
  );

  test('a path that nothing serves is 404 for every method', async () => {
    await using site = await openSite();
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'PROPFIND'])
      for (const path of ['/nowhere', '/health', '/health/live/', '/Health/live', '/metrics', '/push'])
        expect([method, path, (await site.fetch(path, { method })).status]).toEqual([method, path, 404]);
  });
});

test('metrics are answered as their registry renders them', async () => {
  await using site = await openSite(everyRoute);
  const answer = await site.fetch('/metrics');
  expect([answer.headers.get('content-type'), await answer.text()]).toEqual([
    metricsPage.contentType,
    metricsPage.text,
  ]);
});

test('a push is accepted by its token, whatever the type of its body', async () => {
  await using site = await openSite(everyRoute);
  const push = async (token: string, headers: Record<string, string>) =>
    (await site.fetch(`/push/backend/${token}`, { method: 'POST', headers, body: new TextEncoder().encode('<x/>') }))
      .status;
  for (const type of ['text/xml', 'nonsense', '']) {
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type };
    expect([type, await push('known', headers), await push('unknown', headers)]).toEqual([type, 204, 404]);
  }
});

describe('the home page', () => {
  const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  const agent = {
    name: 'price-scraper',
    version: '2.0',
    description: 'Reads <b>prices</b> & more',
    schemas: { input: {} },
    checkInput: () => null,
  } as unknown as Agent;

  test('a browser gets a page that names agents, protocols, documents and health', async () => {
    await using site = await openSite({ agents: [agent] });
    const answer = await site.fetch('/', { headers: { accept } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const html = await answer.text();
    for (const part of ['price-scraper', '2.0', 'Agent Connect Protocol 0.1', '/acp/v0.1', '/docs', '/health/ready'])
      expect(html).toContain(part);
    // What the config says is text, never markup.
    expect(html).toContain('Reads &lt;b&gt;prices&lt;/b&gt; &amp; more');
    for (const [, path = ''] of html.matchAll(/href="([^"]+)"/g)) expect((await site.fetch(path)).status).toBe(200);
  });

  test('the home page runs nothing and is styled by the one style that its policy names', async () => {
    await using site = await openSite();
    const answer = await site.fetch('/', { headers: { accept } });
    const style = /<style>(.*)<\/style>/s.exec(await answer.text())?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(answer.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('the home page names no agent where requests need credentials', async () => {
    await using site = await openSite({ agents: [agent], isProtected: true });
    const html = await (await site.fetch('/', { headers: { accept } })).text();
    expect(html).toContain('Agent Connect Protocol');
    expect(html).not.toMatch(/price|2\.0</);
  });

  test.each(['*/*', 'application/json', 'application/json, text/html;q=0.5'])(
    'a client that accepts %s gets 404 at /, as at any path without a route',
    async (other) => {
      await using site = await openSite({ agents: [agent] });
      const answer = await site.fetch('/', { headers: { accept: other } });
      expect([answer.status, answer.headers.get('vary'), await answer.json()]).toEqual([
        404,
        'Accept',
        'no such path: GET /',
      ]);
    },
  );
});

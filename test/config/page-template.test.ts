import { expect, test } from 'vitest';
import { parse, refuse, sample } from './vendors.ts';

const withPage = (url: string) => sample({ backend: `consoleUrl: "${url}"` });

test.each([
  ['a script', 'javascript:alert({runId})', /^must begin with http/],
  ['an id for a host', 'https://{runId}/x', /^must begin with http/],
  ['an id in the host', 'https://v.example{runId}/x', /^must begin with http/],
  ['an id for the port', 'https://v.example:{runId}/x', /^must begin with http/],
  ['credentials', 'https://u:p@v.example/{runId}', /^must be a URL without credentials$/],
  ['no id', 'https://v.example/runs', /^must have the name of an id in braces/],
  ['a brace of nothing', 'https://v.example/{runId}/{a-b}', /^has a brace that belongs to no name$/],
])("a vendor's page with %s is refused", async (_, url, says) => {
  const [problem] = await refuse(withPage(url));
  expect(problem).toMatchObject({ path: 'backends.main.consoleUrl', message: expect.stringMatching(says) });
});

test("a vendor's page may have ids in its path, its query and its fragment, and a backend may have none", async () => {
  const url = 'http://127.0.0.1:8233/a/{workflowId}/{runId}?x={runId}#{runId}';
  expect((await parse(withPage(url))).backends[0]?.consoleUrl).toBe(url);
  expect((await parse(sample())).backends[0]?.consoleUrl).toBe(null);
});

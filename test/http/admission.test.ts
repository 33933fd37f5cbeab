import { expect, test } from 'vitest';
import { openProtocols } from '../protocols/protocol-sites.ts';
import { runId } from '../protocols/scripted-api.ts';
import type { Raw, Site, SiteOptions } from './app.ts';

const appOrigin = 'https://app.example';
const upgrade = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];

/** The status of a request whose head is sent as it is; `{SITE}` stands for the address of the site. */
async function statusOf(site: Site, target: string, lines: readonly string[], body = ''): Promise<number> {
  return Number((await answerTo(site, target, lines, body)).text().slice(9, 12));
}

async function answerTo(site: Site, target: string, lines: readonly string[], body = ''): Promise<Raw> {
  const { host } = new URL(site.url);
  const head = [...lines, `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n').replaceAll('{SITE}', host);
  const [start = '', version = 'HTTP/1.1'] = target
    .split(' HTTP/')
    .map((part, at) => (at === 0 ? part : `HTTP/${part}`));
  const raw = await site.raw(`${start.replaceAll('{SITE}', host)} ${version}\r\n${head}\r\n\r\n${body}`);
  raw.socket.destroy();
  return raw;
}

const everyRoute: SiteOptions = {
  hosts: ['rungate.internal', 'gateway_1', '10.1.2.3', 'fd00::1', '0.0.0.0'],
  renderMetrics: async () => ({ contentType: 'text/plain', text: 'x 1\n' }),
  pushed: async () => true,
};

const served = [
  ...['localhost', 'localhost:8080', 'LOCALHOST', 'localhost.', 'app.localhost', 'a.b.localhost:1', '127.0.0.1'],
  ...[
    '127.0.0.1:80',
    '127.1.2.3',
    '127.255.255.254:9',
    '[::1]',
    '[::1]:8080',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
  ],
  ...[
    'rungate.internal',
    'Rungate.INTERNAL:8080',
    'rungate.internal.',
    '10.1.2.3:8080',
    '[fd00::1]',
    '[FD00:0::1]:8080',
  ],
  '0.0.0.0:8080',
  'gateway_1:8080',
];
const foreign = [
  ...['evil.example', 'evil.example:8080', 'EVIL.example.', 'localhost.evil.example', '127.0.0.1.evil.example'],
  ...['evillocalhost', 'local', 'localhost..', 'rungate', 'x.rungate.internal', 'rungate.internal.evil.example'],
  ...['10.0.0.1', 'gateway_2', '128.0.0.1', '192.168.0.7:8080', '[::]', '[::2]', '[fe80::1]:80', '169.254.169.254'],
];
/** One request of each kind, on every protocol and every own route that has content. */
const requests = [
  ['POST /runs', '{}'],
  ['POST /acp/v0.1/runs', '{}'],
  ['POST /acp/v0.2/runs', '{}'],
  ['POST /acp/v0.2/runs/wait', '{}'],
  ['POST /agent-protocol/runs/stream', '{}'],
  ['PUT /agent-protocol/store/items', '{}'],
  [`GET /runs/${runId}`, ''],
  [`HEAD /runs/${runId}`, ''],
  [`DELETE /runs/${runId}`, ''],
  [`GET /runs/${runId}/stream`, ''],
  ['OPTIONS /runs', ''],
  ['GET /', ''],
  ['GET /docs', ''],
  ['GET /docs/start.js', ''],
  ['GET /openapi.json', ''],
  ['GET /acp/v0.2/openapi.json', ''],
  ['GET /nowhere', ''],
] as const;

test.each(served)('without auth, the host %s is served', async (host) => {
  await using site = await openProtocols(everyRoute);
  expect(await statusOf(site, 'GET /acp/v0.1/openapi.json', [`Host: ${host}`])).toBe(200);
  expect(await statusOf(site, `GET http://${host}/docs`, [`Host: ${host}`])).toBe(200);
});

test.each(foreign)('without auth, the host %s is refused with 421', async (host) => {
  await using site = await openProtocols(everyRoute);
  expect(await statusOf(site, 'POST /runs', [`Host: ${host}`, 'Content-Type: application/json'], '{}')).toBe(421);
  expect(
    await statusOf(site, `POST http://${host}/runs`, ['Host: {SITE}', 'Content-Type: application/json'], '{}'),
  ).toBe(421);
  expect(
    await statusOf(site, 'POST http://{SITE}/runs', [`Host: ${host}`, 'Content-Type: application/json'], '{}'),
  ).toBe(421);
  expect(site.api.runs.created).toEqual([]);
});

test('without auth, the host of a whole URL as target is what is behind its user', async () => {
  await using site = await openProtocols(everyRoute);
  expect(await statusOf(site, 'GET http://localhost@evil.example/docs', ['Host: {SITE}'])).toBe(421);
  expect(await statusOf(site, 'GET http://evil.example@localhost/docs', ['Host: {SITE}'])).toBe(200);
  expect(await statusOf(site, 'GET https://localhost:443/docs', ['Host: {SITE}'])).toBe(200);
});

test.each(requests)('without auth, %s is refused under a foreign host and from foreign pages', async (start, body) => {
  await using site = await openProtocols({ ...everyRoute, origins: [appOrigin] });
  const json = 'Content-Type: application/json';
  expect(await statusOf(site, start, ['Host: evil.example', json], body)).toBe(421);
  const { port } = new URL(site.url);
  for (const line of [
    'Origin: http://evil.example',
    'Origin: null',
    'Origin: http://localhost:3000',
    `Origin: https://localhost:${port}.evil.example`,
    `Origin: ${appOrigin}.evil.example`,
    'Origin: chrome-extension://abcdefghijklmnop',
    `Origin: ${appOrigin}\r\nOrigin: http://evil.example`,
    'Sec-Fetch-Site: cross-site',
    'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image',
    'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe',
    'Sec-Fetch-Site: same-site',
    'Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site',
    'Sec-Fetch-Site: cross-site\r\nOrigin: http://{SITE}',
  ])
    expect([line, await statusOf(site, start, ['Host: {SITE}', json, line], body)]).toEqual([line, 403]);
  expect(site.api.runs.created).toEqual([]);
});

test.each(['/health/live', '/health/ready', '/metrics'])(
  'a probe of %s may name any host, and foreign pages may not read it',
  async (path) => {
    await using site = await openProtocols(everyRoute);
    for (const host of ['10.42.0.7:8080', 'rungate.prod.svc.cluster.local'])
      expect(await statusOf(site, `GET ${path}`, [`Host: ${host}`])).toBe(200);
    expect(await statusOf(site, `GET ${path} HTTP/1.0`, [])).toBe(200);
    expect(await statusOf(site, `GET ${path}`, ['Host: {SITE}', 'Origin: http://evil.example'])).toBe(403);
    expect(await statusOf(site, `GET ${path}/`, ['Host: evil.example'])).toBe(421);
  },
);

test('a push of a vendor may name any host, because its token authenticates it', async () => {
  await using site = await openProtocols(everyRoute);
  expect(await statusOf(site, 'POST /push/backend/token', ['Host: gw.example.com'])).toBe(204);
  expect(await statusOf(site, 'POST /push/backend', ['Host: gw.example.com'])).toBe(421);
});

test('a WebSocket is refused under a foreign host, and to a page of a foreign origin', async () => {
  await using site = await openProtocols(everyRoute);
  const target = `GET /agent-protocol/threads/${runId}/stream`;
  expect(await statusOf(site, target, ['Host: evil.example', ...upgrade])).toBe(421);
  expect(await statusOf(site, target, ['Host: {SITE}', 'Origin: http://evil.example', ...upgrade])).toBe(403);
  expect(await statusOf(site, target, ['Host: {SITE}', 'Origin: null', ...upgrade])).toBe(403);
  expect(await statusOf(site, target, ['Host: {SITE}', 'Sec-Fetch-Site: cross-site', ...upgrade])).toBe(403);
  expect(await statusOf(site, target, ['Host: {SITE}', 'Host: {SITE}', ...upgrade])).toBe(400);
});

test.each([
  ['no header of a browser', []],
  ['its own origin', ['Origin: http://{SITE}', 'Sec-Fetch-Site: same-origin']],
  ['its own origin behind a proxy with TLS', ['Origin: https://{SITE}']],
  ['a person who typed the address', ['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document']],
  ['a page of a configured origin', [`Origin: ${appOrigin}`, 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: cors']],
])('without auth, a request with %s is served', async (_from, lines) => {
  await using site = await openProtocols({ origins: [appOrigin] });
  expect(await statusOf(site, 'GET /docs/start.js', ['Host: {SITE}', ...lines])).toBe(200);
  const json = ['Host: {SITE}', 'Content-Type: application/json', ...lines];
  expect(await statusOf(site, 'POST /agents/search', json, '{}')).toBe(200);
});

test('a link on another site may lead to the pages of the gateway, and to nothing else', async () => {
  await using site = await openProtocols();
  const visit = ['Host: {SITE}', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'];
  const html = [...visit, 'Accept: text/html'];
  for (const path of ['/', '/docs', '/openapi.json', '/agent-protocol/openapi.json'])
    expect([path, await statusOf(site, `GET ${path}`, html)]).toEqual([path, 200]);
  for (const start of [`GET /runs/${runId}`, 'POST /docs', 'GET /metrics', 'GET /docs/start.js'])
    expect([start, await statusOf(site, start, html)]).toEqual([start, 403]);
});

test('origins: ["*"] lets in every page, and the hosts stay as they are', async () => {
  await using site = await openProtocols({ origins: ['*'] });
  for (const line of ['Origin: http://evil.example', 'Origin: null', 'Sec-Fetch-Site: cross-site'])
    expect(await statusOf(site, 'GET /docs/start.js', ['Host: {SITE}', line])).toBe(200);
  expect(await statusOf(site, 'GET /docs/start.js', ['Host: evil.example'])).toBe(421);
});

test.each([
  ['two Host lines', ['Host: {SITE}', 'Host: {SITE}']],
  ['two Host lines in different case', ['host: {SITE}', 'HOST: evil.example']],
  ['three Host lines', ['Host: evil.example', 'X: y', 'Host: {SITE}', 'Host: {SITE}']],
])('a request with %s is refused with 400 on every path, with and without auth', async (_name, lines) => {
  for (const isProtected of [false, true]) {
    await using site = await openProtocols({ ...everyRoute, isProtected, hosts: isProtected ? null : [] });
    for (const target of [
      'GET /docs',
      'POST /runs',
      'GET /health/live',
      'POST /push/backend/token',
      'GET /acp/v0.2/runs/x',
    ]) {
      const answer = await answerTo(site, target, lines);
      expect([target, answer.text().slice(9, 12)]).toEqual([target, '400']);
      expect(answer.text()).toMatch(/^Connection: close\r$/m);
    }
  }
});

test.each([
  'a b',
  'localhost/evil',
  'user@localhost',
  'localhost:http',
  'localhost:99999',
  'a,b',
  '%6cocalhost',
  '',
  '[::1',
  ':8080',
  '.',
])('without auth, a Host that is "%s" is refused', async (host) => {
  await using site = await openProtocols();
  const status = await statusOf(site, 'GET /docs', [`Host: ${host}`]);
  expect(status === 400 || status === 421).toBe(true);
});

test('without auth, HTTP/1.0 without Host is served to this machine', async () => {
  await using site = await openProtocols();
  expect(await statusOf(site, 'GET /docs HTTP/1.0', [])).toBe(200);
  expect(await statusOf(site, 'GET /docs HTTP/1.0', ['Host: evil.example'])).toBe(421);
  expect(await statusOf(site, 'GET /docs', [])).toBe(400);
});

test('with auth, every host is served unless hosts are configured', async () => {
  const page = ['Origin: http://evil.example', 'Sec-Fetch-Site: cross-site'];
  await using open = await openProtocols({ isProtected: true, hosts: null });
  expect(await statusOf(open, 'GET /docs', ['Host: gw.example', ...page])).toBe(200);
  await using bound = await openProtocols({ isProtected: true, hosts: ['gw.example'] });
  expect(await statusOf(bound, 'GET /docs', ['Host: gw.example', ...page])).toBe(200);
  expect(await statusOf(bound, 'GET /docs', ['Host: other.example'])).toBe(421);
});

test('a refusal says in words how to configure what was refused', async () => {
  await using site = await openProtocols();
  const ofHost = (await answerTo(site, 'GET /runs/x', ['Host: rungate:8080'])).text();
  expect(JSON.parse(ofHost.slice(ofHost.indexOf('\r\n\r\n') + 4))).toBe(
    'the gateway does not serve this host name: "rungate" is not a name of this machine; to serve it, write hosts: ["rungate"] under server: in the config, or configure auth',
  );
  const ofOrigin = (await answerTo(site, 'GET /runs/x', ['Host: {SITE}', 'Origin: http://evil.example'])).text();
  expect(JSON.parse(ofOrigin.slice(ofOrigin.indexOf('\r\n\r\n') + 4))).toBe(
    'pages of this origin may not call the gateway: "http://evil.example" is not the origin of the gateway; to let in the pages of an origin, add it to server.cors.origins in the config',
  );
  const long = (await answerTo(site, 'GET /runs/x', [`Host: ${'x'.repeat(5000)}`])).text();
  expect(long.length).toBeLessThan(1500);
});

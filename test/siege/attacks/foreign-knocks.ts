import { connect } from 'node:net';
import { inLanes, repeat, type Site } from '../site.ts';

type Knock = {
  readonly name: string;
  /** The head, without what every request has; `<own>` is the gateway's own address. */
  readonly head: readonly string[];
  readonly statuses: readonly number[];
};

const start = 'POST /runs HTTP/1.1';
const refused = [403, 421];

/** At a gateway without auth. */
const openKnocks: readonly Knock[] = [
  { name: 'a foreign host', head: [start, 'Host: evil.example'], statuses: refused },
  { name: 'a foreign host with the port', head: [start, 'Host: evil.example:<port>'], statuses: refused },
  { name: 'a host that begins like ours', head: [start, 'Host: 127.0.0.1.evil.example:<port>'], statuses: refused },
  { name: 'a host that ends like ours', head: [start, 'Host: evil.localhost.example'], statuses: refused },
  { name: 'an address of the network', head: [start, 'Host: 192.168.1.9:<port>'], statuses: refused },
  {
    name: 'a foreign absolute target',
    head: ['POST http://evil.example/runs HTTP/1.1', 'Host: <own>'],
    statuses: refused,
  },
  { name: 'a foreign origin', head: [start, 'Host: <own>', 'Origin: http://evil.example'], statuses: refused },
  { name: 'the origin null', head: [start, 'Host: <own>', 'Origin: null'], statuses: refused },
  { name: 'another port as origin', head: [start, 'Host: <own>', 'Origin: http://127.0.0.1:1'], statuses: refused },
  { name: 'another site', head: [start, 'Host: <own>', 'Sec-Fetch-Site: cross-site'], statuses: refused },
  {
    name: 'a foreign host at ACP 0.2',
    head: ['POST /acp/v0.2/runs HTTP/1.1', 'Host: evil.example'],
    statuses: refused,
  },
  {
    name: 'a foreign host at the Agent Protocol',
    head: ['POST /agent-protocol/runs HTTP/1.1', 'Host: evil.example'],
    statuses: refused,
  },
  {
    name: 'a foreign search',
    head: ['POST /runs/search HTTP/1.1', 'Host: <own>', 'Origin: http://evil.example'],
    statuses: refused,
  },
  { name: 'two hosts', head: [start, 'Host: <own>', 'Host: evil.example'], statuses: [400] },
  { name: 'two hosts, ours last', head: [start, 'Host: evil.example', 'Host: <own>'], statuses: [400] },
];

const welcome: readonly Knock[] = [
  { name: 'our own address', head: [start, 'Host: <own>'], statuses: [200] },
  { name: 'localhost', head: [start, 'Host: localhost:<port>'], statuses: [200] },
  { name: 'a name under localhost, in capitals', head: [start, 'Host: APP.LOCALHOST:<port>'], statuses: [200] },
  { name: 'the loopback of IPv6', head: [start, 'Host: [::1]:<port>'], statuses: [200] },
  { name: 'our own origin', head: [start, 'Host: <own>', 'Origin: http://<own>'], statuses: [200] },
];

/** At a gateway with auth. */
const closedKnocks: readonly Knock[] = [
  {
    name: 'two hosts and a key',
    head: [start, 'Host: <own>', 'Host: evil.example', 'Authorization: <key>'],
    statuses: [400],
  },
];

/** A9: only those who belong here start runs at a gateway without auth. */
export async function knock(site: Site): Promise<void> {
  await repeat(site, async () => {
    const before = await startsAt(site);
    await inLanes(4, openKnocks, (each) => tryOne(site, site.openUrl, each));
    const started = (await startsAt(site)) - before;
    if (started > 0) site.fault(`foreign knocks started ${started} runs`);
    await inLanes(2, welcome, (each) => tryOne(site, site.openUrl, each));
    await inLanes(2, closedKnocks, (each) => tryOne(site, site.url, each));
    // What was welcome has to be started before it is counted anew.
    await new Promise((resolve) => setTimeout(resolve, 250));
  });
}

async function startsAt(site: Site): Promise<number> {
  const answer = await fetch(`${site.vendorUrl}/starts/open`);
  return ((await answer.json()) as { readonly starts: number }).starts;
}

async function tryOne(site: Site, url: string, { name, head, statuses }: Knock): Promise<void> {
  site.count();
  const { host, port } = new URL(url);
  const body = head[0]?.includes('search') ? '{}' : '{"input":{"n":"knocked"}}';
  const whole = [
    ...head,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    body,
  ]
    .join('\r\n')
    .replaceAll('<own>', host)
    .replaceAll('<port>', port)
    .replaceAll('<key>', `Bearer ${site.key('mallory')}`);
  const answer = await sendRaw(Number(port), whole);
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  if (!statuses.includes(status)) site.fault(`${name}: ${status} in place of ${statuses.join(' or ')}`);
}

function sendRaw(port: number, request: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.setEncoding('latin1').setTimeout(20_000, () => socket.destroy());
    socket.on('data', (text: string) => {
      said += text;
    });
    socket.on('error', () => {}).on('close', () => resolve(said));
  });
}

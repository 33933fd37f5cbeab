import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { RungateClient, verifyWebhook } from '../clients/rungate-client.mjs';
import { startExample } from '../stand-ins.mjs';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

// A receiver that wants no more posts (410) until it is repaired.
let isRepaired = false;
const receiver = createServer(async (request, response) => {
  const body = await text(request);
  const isGenuine = verifyWebhook(secret, request.headers, body);
  const { status } = JSON.parse(body);
  say(`received: ${status}, ${isGenuine ? 'genuine' : 'forged'}, answered ${isRepaired ? 204 : 410}`);
  response.writeHead(isRepaired ? 204 : 410).end();
  receiver.emit('received', status);
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');
const webhook = `http://127.0.0.1:${receiver.address().port}/hook`;

await using gateway = await startExample(import.meta.dirname, { env: { WEBHOOK_SECRET: secret } });
const client = new RungateClient(gateway.url);

const first = once(receiver, 'received');
await client.create({ input: { hello: 'world' }, webhook });
await first;

// What was not accepted is listed until it is sent again. The answer is recorded a moment after it was received.
let listed = '';
while (!listed.includes('stopped')) listed = await gateway.command(['webhooks', 'list', '--failed']);
say('listed:', /stopped|failed/.exec(listed)[0], /\(.*\)/.exec(listed)[0]);

isRepaired = true;
const second = once(receiver, 'received');
say('redriven:', (await gateway.command(['webhooks', 'redrive', '--failed'])).trim());
await second;
receiver.close();

import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { RungateClient } from '../clients/rungate-client.mjs';
import { startExample } from '../stand-ins.mjs';

const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

// An identity provider: it publishes its key and issues tokens.
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = JSON.stringify({
  keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }],
});
const provider = createServer((_request, response) => response.end(jwks)).listen(0, '127.0.0.1');
await once(provider, 'listening');

function issueToken(tenant) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'https://id.example.com/', aud: 'rungate', sub: `${tenant}-app`, tenant };
  const expires = Math.floor(Date.now() / 1000) + 300;
  const signed = `${encode({ alg: 'ES256', kid: 'k1' })}.${encode({ ...claims, exp: expires })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const env = {
  JWKS_URL: `http://127.0.0.1:${provider.address().port}/jwks.json`,
  ACME_API_KEY: 'sandbox-key',
  ZENITH_API_KEY: 'sandbox-key',
};
await using gateway = await startExample(import.meta.dirname, { env });

const acme = new RungateClient(gateway.url, issueToken('acme'));
const zenith = new RungateClient(gateway.url, issueToken('zenith'));
const run = await acme.create({ agent_id: 'echo', input: { order: 17 } });
say('acme:', JSON.stringify((await acme.wait(run.run_id)).result));

const refusals = { 'zenith, the same run': zenith, 'without a token': new RungateClient(gateway.url) };
for (const [who, client] of Object.entries(refusals)) {
  await client.wait(run.run_id).catch((error) => say(`${who}:`, error.message));
}
provider.close();

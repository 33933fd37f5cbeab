// Calls a gateway over the sandbox by A2A's published Python client and through LiteLLM's proxy, and shows that a task outlives
// the gateway's process. The packages are installed into a cache outside the checkout, pinned.
//
//   npm run test:a2a
import { join } from 'node:path';
import { Child } from '../../../bench/child.ts';
import { playInEachPlace } from '../../gateway/killed-gateways.ts';
import { installServer } from '../../vendors/peers/packages.ts';
import { outliveKills } from './durable.ts';
import { callThroughLitellm, litellmPackages } from './litellm.ts';
import { openGateway } from './site.ts';

const pythonClient = ['a2a-sdk==1.3.0'];

async function runPython(url: string): Promise<string> {
  const installed = installServer({ from: 'pypi', names: pythonClient });
  if ('unavailable' in installed) throw new Error(installed.unavailable);
  const command = join(installed.directory, 'bin', 'python');
  const client = new Child({ command, args: [join(import.meta.dirname, 'a2a-client.py'), url], ready: /all steps/ });
  await client.whenReady();
  const steps = client.output.match(/^ok /gm)?.length;
  await client.stop();
  return `${steps} steps in both bindings, with streams and without`;
}

/** On SQLite the gateway comes back; on PostgreSQL there is another replica. */
async function killInEachPlace(): Promise<string> {
  const seen: string[] = [];
  await playInEachPlace(async (place) => void seen.push(`${place.name}: ${await outliveKills(place)}`));
  return seen.join('; ');
}

const gateway = await openGateway();
const proofs: readonly (readonly [title: string, prove: () => Promise<string>])[] = [
  [pythonClient.join(), () => runPython(gateway.url)],
  [litellmPackages.join(' '), () => callThroughLitellm(gateway.url)],
  ['tasks over kill -9, @a2a-js/sdk', killInEachPlace],
];
let isBroken = false;
try {
  for (const [title, prove] of proofs) {
    const seen = await prove().catch((error: unknown) => error);
    isBroken ||= seen instanceof Error;
    process.stdout.write(`${seen instanceof Error ? 'FAIL' : 'ok  '} ${title}: ${String(seen)}\n`);
  }
} finally {
  await gateway[Symbol.asyncDispose]();
}
process.exitCode = isBroken ? 1 : 0;

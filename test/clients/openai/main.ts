// Lets what is built on OpenAI's SDKs use a gateway over the sandbox, and kills gateways under responses in the background, on
// SQLite and with two replicas on PostgreSQL. Clients are installed into a cache outside the checkout, pinned.
//
//   npm run test:openai [-- --rounds N] [clients|kills]
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type KillPlace, playInEachPlace } from '../../gateway/killed-gateways.ts';
import { openOverSandbox, sampleInMemory } from '../../gateway/over-sandbox.ts';
import { installServer, type Packages } from '../../vendors/peers/packages.ts';
import { surviveKills } from './kills.ts';

type Client = { readonly script: string; readonly packages: Packages };

const execute = promisify(execFile);
const openai = 'openai@7.59.0';
const zod = 'zod@4.6.7';

const clients: readonly Client[] = [
  { script: 'ai-sdk.mjs', packages: { from: 'npm', names: ['ai@7.0.173', '@ai-sdk/openai@4.0.118', zod] } },
  { script: 'agents.mjs', packages: { from: 'npm', names: ['@openai/agents@0.20.0', openai, zod] } },
  { script: 'sdk.py', packages: { from: 'pypi', names: ['openai==3.57.0'] } },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' } },
});
const isAsked = (part: string): boolean => positionals.length === 0 || positionals.includes(part);

if (isAsked('clients')) await tryClients();
if (isAsked('kills')) await playInEachPlace((place) => tryPlace(place, Number(values.rounds)));

async function tryClients(): Promise<void> {
  await using gateway = await openOverSandbox(sampleInMemory);
  for (const client of clients) say(await runClient(client, gateway.url));
}

async function runClient({ script, packages }: Client, url: string): Promise<string> {
  const title = packages.names.join(', ');
  const installed = installServer(packages);
  if ('unavailable' in installed) throw new Error(installed.unavailable);
  const { directory } = installed;
  const isPython = packages.from === 'pypi';
  const program = isPython ? join(directory, 'bin', 'python') : process.execPath;
  const file = join(import.meta.dirname, 'scripts', script);
  const { stdout } = await execute(program, [file, url, directory], { timeout: 120_000 });
  return `${title}\n${stdout.trimEnd().replaceAll(/^/gm, '  ')}`;
}

async function tryPlace(place: KillPlace, rounds: number): Promise<void> {
  const { kills, starts, responses } = await surviveKills(place, rounds);
  say(
    `${place.name}: ${responses} responses over ${kills} kills, ${starts} starts at the vendor, none lost, none twice`,
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

// Lets LangGraph's published clients make the same calls at LangGraph's dev servers and at the gateway, and compares what each
// call comes to. Clients and servers are installed into a cache outside the checkout, pinned.
//
//   npm run test:langgraph [-- CLIENT…] [--save FILE] [--against FILE]
//     --save FILE      keeps what the calls came to at the dev servers, and starts no gateway
//     --against FILE   compares with what was kept, and starts no dev server
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clients, runClient } from './clients.ts';
import { compareOutcomes, type Outcome, summarize } from './outcome.ts';
import { type RunningServer, startDevServer, startRungate } from './servers.ts';

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { save: { type: 'string' }, against: { type: 'string' } },
});

type Seen = { readonly [server: string]: readonly Outcome[] };

const kept: Readonly<Record<string, Seen>> =
  options.against === undefined ? {} : JSON.parse(readFileSync(options.against, 'utf8'));
const scratch = mkdtempSync(join(tmpdir(), 'rungate-langgraph-'));
const servers: Record<string, RunningServer> = {};
const all: Record<string, Seen> = {};
try {
  if (options.against === undefined) {
    servers.python = await startDevServer('python', scratch);
    servers.javascript = await startDevServer('javascript', scratch);
  }
  if (options.save === undefined) servers.rungate = await startRungate(scratch);
  for (const client of clients.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const seen: Record<string, readonly Outcome[]> = { ...kept[client.name] };
    for (const [name, { url }] of Object.entries(servers)) seen[name] = await runClient(client, url);
    all[client.name] = seen;
    process.stdout.write(`\n${client.title}\n${describe(seen)}`);
  }
  if (options.save !== undefined) writeFileSync(options.save, JSON.stringify(all));
} finally {
  for (const server of Object.values(servers)) await server.stop();
  rmSync(scratch, { recursive: true, force: true });
}

/** A line a call, and one below it for each difference between the gateway and LangGraph's own server. */
function describe(seen: Seen): string {
  const lines = (seen.python ?? seen.rungate ?? []).flatMap(({ call }, at) => {
    const cells = Object.entries(seen).map(([name, outcomes]) => `${name} ${summarizeOne(outcomes[at])}`);
    const [there, here] = [seen.python?.[at], seen.rungate?.[at]];
    const differences = there === undefined || here === undefined ? [] : compareOutcomes(there, here);
    return [`  ${call}: ${cells.join(', ')}`, ...differences.map((difference) => `    ${difference}`)];
  });
  return `${lines.join('\n')}\n`;
}

function summarizeOne(outcome: Outcome | undefined): string {
  return outcome === undefined ? 'not made' : summarize(outcome);
}

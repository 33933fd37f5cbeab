// Runs one client script over real servers as vendors behind one gateway, kills the gateway twice on the way, and prints what
// was seen. The servers are installed into a cache outside the checkout, pinned; one that cannot be had is left out, with the
// reason.
//
//   npm run test:peers [-- NAME…] [--write]       --write puts the table into docs/vendors/peers.md
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Child } from '../../../bench/child.ts';
import { findFreePort } from '../../../bench/free-port.ts';
import { AnswerHolder } from './answer-holder.ts';
import { checks } from './checks.ts';
import { PeerClient, type RunningPeer } from './client.ts';
import { PeerGateway, webhookSecret } from './gateway.ts';
import { attempt, killGateway, kills, type Outcome } from './kills.ts';
import { installServer } from './packages.ts';
import { type Peer, peers } from './peers.ts';
import { type Column, renderTable, writePage } from './table.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

const startWithinMs = 120_000;

async function main(names: readonly string[], write: boolean): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'rungate-peers-'));
  const children: Child[] = [];
  const receiver = new WebhookReceiver(webhookSecret);
  const running: RunningPeer[] = [];
  let gateway: PeerGateway | null = null;
  try {
    const columns: Column[] = [];
    for (const peer of peers) {
      if (names.length > 0 && !names.includes(peer.name)) continue;
      const started = await startPeer(peer, scratch, children);
      if ('unavailable' in started) columns.push({ peer, unavailable: started.unavailable });
      else running.push(started);
    }
    await receiver.listen();
    gateway = await PeerGateway.create(scratch, running);
    const clients = running.map((peer) => new PeerClient(peer, gateway?.url ?? ''));
    const outcomes = new Map<Peer, Record<string, Outcome>>(running.map(({ peer }) => [peer, {}]));
    const record = (peer: Peer, name: string, outcome: Outcome): void => {
      Object.assign(outcomes.get(peer) ?? {}, { [name]: outcome });
      process.stdout.write(
        `${'seen' in outcome ? 'ok  ' : 'FAIL'} ${peer.name}: ${name}: ${Object.values(outcome)[0]}\n`,
      );
    };
    for (const client of clients) {
      for (const { name, run } of checks) {
        record(client.peer, name, await attempt(async () => (await run(client, receiver)) ?? 'not at this vendor'));
      }
    }
    for (const { name, kill } of kills) {
      const seen = await killGateway(gateway, kill, clients);
      for (const [at, { peer }] of running.entries()) record(peer, name, seen[at] ?? { wrong: 'not tried' });
    }
    columns.push(...running.map(({ peer }) => ({ peer, outcomes: outcomes.get(peer) ?? {} })));
    const inOrder = columns.toSorted((a, b) => peers.indexOf(a.peer) - peers.indexOf(b.peer));
    process.stdout.write(`\n${renderTable(inOrder)}\n`);
    if (write) writePage(inOrder);
    return inOrder.some((column) => Object.values(column.outcomes ?? {}).some((outcome) => 'wrong' in outcome)) ? 1 : 0;
  } finally {
    await gateway?.stop();
    for (const child of children.toReversed()) await child.stop();
    for (const { answers } of running) answers.close();
    receiver.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function startPeer(
  peer: Peer,
  scratch: string,
  children: Child[],
): Promise<RunningPeer | { readonly unavailable: string }> {
  const installed = peer.packages === null ? { directory: scratch } : installServer(peer.packages);
  if ('unavailable' in installed) return installed;
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const own = join(scratch, peer.name);
  mkdirSync(own);
  const otherPort = await findFreePort();
  const started = peer.start({ port, otherPort, scratch: own, packages: installed.directory });
  children.push(...started);
  const deadlineMs = performance.now() + startWithinMs;
  while (!(await isUp(`${url}${peer.path}`))) {
    if (performance.now() > deadlineMs)
      return { unavailable: `it takes no requests: ${started.map(({ output }) => output.slice(-500)).join(' ')}` };
    await sleep(200);
  }
  const answers = new AnswerHolder(url);
  return { peer, url, answers, heldUrl: `${await answers.listen()}${peer.basePath}` };
}

async function isUp(url: string): Promise<boolean> {
  return await fetch(url).then(
    () => true,
    () => false,
  );
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'boolean' } } });
process.exitCode = await main(positionals, values.write === true);
process.exit();

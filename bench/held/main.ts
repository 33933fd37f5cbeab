import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestFrontend } from '../../test/adapters/temporal-frontend.ts';
import { RungateProcess } from '../../test/gateway/process.ts';
import { writeConfig } from '../../test/gateway/site.ts';

/**
 * Live runs at a Temporal frontend that holds calls: how many calls a run takes, and how long after its end the client that
 * waits for it knows. `node bench/held/main.ts [grpc|http] [runs] [seconds]`.
 */
const [transport = 'grpc', count = '100', seconds = '60'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'rungate-held-'));
const frontend = new TestFrontend();
const urls = await frontend.listen();
const agents = [{ name: 'greet', backend: 'flows', target: { workflow: 'Greet', taskQueue: 'q' } }];
const backends = {
  flows: { adapter: 'temporal', transport, baseUrl: urls[transport as keyof typeof urls], maxConnections: 256 },
};
const file = join(folder, 'rungate.yaml');
// The pacing is that of a gateway as it comes.
const sections = { log: { level: 'info' }, pacing: {} };
writeFileSync(file, writeConfig({ backends, agents, keeps: true, sections }, folder));

await using gateway = new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
const client = await gateway.client();

const endedAtMs = new Map<string, number>();
const latencies: number[] = [];

/** Creates a run and waits for its output, as long as that takes. */
async function follow(): Promise<void> {
  const { run_id } = await client.create({ agent_id: 'greet', input: { name: 'Ann' } });
  for (;;) {
    const answer = await fetch(`${client.url}/runs/${run_id}/output?block_timeout=300`);
    await answer.text();
    if (answer.status === 200) break;
  }
  latencies.push(performance.now() - (endedAtMs.get(run_id) ?? Number.NaN));
}

/** What a gateway runs for the first time takes longer. */
async function warmUp(): Promise<void> {
  const runs = await Promise.all(
    Array.from({ length: 30 }, async () => await client.create({ agent_id: 'greet', input: { name: 'Bob' } })),
  );
  while (frontend.workflows.size < runs.length) await sleep(20);
  await sleep(500);
  for (const workflowId of frontend.workflows.keys()) frontend.complete(workflowId, {});
  await Promise.all(runs.map(({ run_id }) => client.output(run_id)));
  frontend.workflows.clear();
}

await warmUp();
const followed = Array.from({ length: Number(count) }, follow);
while (frontend.workflows.size < Number(count)) await sleep(50);
// Let the starts settle, so that what is counted is the life of runs.
await sleep(2000);
const before = frontend.received.length;
const connections = frontend.connections;
await sleep(Number(seconds) * 1000);
const during = frontend.received.slice(before);
const byMethod = Map.groupBy(during, ({ method }) => method);

for (const workflowId of frontend.workflows.keys()) {
  endedAtMs.set(workflowId.replace('rungate-', ''), performance.now());
  frontend.complete(workflowId, { greeting: 'Hi' });
  await sleep(50);
}
await Promise.all(followed);
latencies.sort((a, b) => a - b);
const at = (share: number) =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]?.toFixed(1);
const perRun = during.length / Number(count) / (Number(seconds) / 20);
process.stdout.write(`${transport}, ${count} live runs, ${seconds} s\n`);
for (const [method, calls] of byMethod) process.stdout.write(`  ${method}: ${calls.length}\n`);
process.stdout.write(`  calls per run and 20 s: ${perRun.toFixed(2)}; connections: ${connections}\n`);
process.stdout.write(`  end to client: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms\n`);
gateway.kill('SIGTERM');
await gateway.exit();
await frontend.close();
rmSync(folder, { recursive: true, force: true });

// A process with an engine that creates runs with a webhook, and prints the id of each run that was
// accepted, until it is killed. Arguments: the store's URL, the receiver's, and how many runs.

import { writeSync } from 'node:fs';
import { toReply } from '../../src/agents/chat.ts';
import type { AgentDirectory } from '../../src/contract/domain/agent.ts';
import { Lease } from '../../src/engine/cluster/lease.ts';
import { createEngine } from '../../src/engine/create-engine.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { encodeRun } from '../../src/protocols/acp-v01/encode.ts';
import { openStore } from '../../src/store/open.ts';
import { parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { createOutboundClient } from '../../src/upstream/ssrf-client.ts';
import { makeAgent } from '../engine/scripted-agent.ts';
import { ScriptedVendor } from '../engine/scripted-vendor.ts';
import { silentLog } from '../store/runs.ts';
import { secret } from './receiver.ts';

const [url = '', receiver = '', runs = '0'] = process.argv.slice(2);
const timeoutMs = 500;

const vendor = new ScriptedVendor();
vendor.observeScript.push({ status: 'success', output: 'done' });
const layer = { status: { success: 'success' }, output: 'output', errcodes: { default: 3000 } };
const agent = makeAgent({ connection: vendor, layer });
const unlimited = {
  name: agent.backend,
  requestsPerSecond: null,
  burst: null,
  maxConcurrentRuns: null,
  maxPauseMs: 300_000,
  push: null,
  secrets: [],
};
const agents: AgentDirectory = { all: [agent], defaultAgent: agent, find: () => agent };
const exceptions = parseExceptions(['127.0.0.1']);
const store = await openStore(url, { log: silentLog });
const engine = createEngine({
  agents,
  backends: [unlimited],
  store,
  clock: systemClock,
  pacing: { floorMs: 5, watchedCeilingMs: 10, ceilingMs: 20 },
  fence: { staleAfterMs: 900_000, restoreCommand: 'rungate restore' },
  lease: new Lease({ store, clock: systemClock, log: silentLog }, { heartbeatMs: 200, deadAfterMs: 1000 }),
  idempotencyMs: 86_400_000,
  retentionMs: 86_400_000,
  replyOf: toReply,
  cache: { maxRuns: 100, maxBytes: 1_000_000 },
  webhooks: {
    secrets: [secret],
    giveUpMs: 86_400_000,
    timeoutMs,
    sender: createOutboundClient({ exceptions, connectTimeoutMs: timeoutMs, timeoutMs }),
    encodeRun: (run) => JSON.stringify(encodeRun(run)),
  },
  log: silentLog,
  metrics: { count: () => {}, observe: () => {} },
});
await engine.start();
for (let n = 0; n < Number(runs); n += 1) {
  const request = { input: { n }, webhook: receiver };
  const { run } = await engine.api.runs.create({ tenant: 'main', agent: undefined, request });
  // Synchronous: a line in a buffer would die with the process.
  writeSync(1, `${run.runId}\n`);
}

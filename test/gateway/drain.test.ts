import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { RungateProcess } from './process.ts';
import { ask } from './protocols.ts';
import { asking, openStorageRig, readiness, type StorageRig, startOf, startsOf } from './storage-rig.ts';

vi.setConfig({ testTimeout: 120_000 });

const message = 'the gateway is shutting down';

/** New work and its refusal, in the format of each protocol. */
const refusals = [
  ['/runs', message],
  ['/acp/v0.2/runs', message],
  ['/acp/v0.2/runs/wait', message],
  ['/acp/v0.2/runs/stream', message],
  [
    '/agent-protocol/runs',
    { code: 'draining', message, metadata: { retryable: true, retry_after_seconds: expect.any(Number) } },
  ],
] as const;

async function openRig(drainSeconds?: number): Promise<StorageRig> {
  return await openStorageRig({
    storeUrl: (folder) => `sqlite:${join(folder, 'runs.db')}`,
    sections: { server: { port: 0, ...(drainSeconds === undefined ? {} : { drainSeconds }) } },
  });
}

async function stopped(gateway: RungateProcess): Promise<void> {
  gateway.kill('SIGTERM');
  await gateway.said(/("rungate stops")/);
}

describe.concurrent('a gateway that stops', () => {
  test('a gateway that stops refuses new work, ends its streams, and records the vendor calls under way', async () => {
    await using rig = await openRig();
    const { intuned } = rig;
    await using first = rig.serve();
    const client = await first.client();
    const { url } = client;
    const { run_id: running } = await client.create(asking('running'));
    (await startOf(intuned, 'running')).say({ status: 'started', result: 'half' });
    const stream = await client.stream(running);
    await stream.find(({ result }) => result === 'half');
    const blocked = client.ask('GET', `/runs/${running}/output?block_timeout=60`);
    const waiting = ask(url, 'POST', '/acp/v0.2/runs/wait', asking('waited for'));
    await startOf(intuned, 'waited for');
    const answer = intuned.hold('start');
    const { run_id: starting } = await client.create(asking('starting'));
    await intuned.counted('start', 3);
    expect(await readiness(url)).toMatchObject([200, { draining: false }]);

    await stopped(first);
    expect(await readiness(url)).toMatchObject([503, { draining: true, checks: { store: 'ok' } }]);
    for (const [path, words] of refusals) {
      const { status, headers, body } = await ask(url, 'POST', path, asking('refused'));
      expect([path, status, body]).toEqual([path, 503, words]);
      expect(headers.get('retry-after')).toMatch(/^\d+$/);
      expect(headers.get('connection')).toBe('close');
    }
    expect(await client.ask('POST', `/runs/${running}`, {})).toMatchObject({ status: 503, body: message });
    const seen = await stream.end();
    expect(stream.dismissed).toBe(true);
    const late = await client.stream(running);
    expect([await late.end(), late.dismissed]).toEqual([[], true]);
    expect((await blocked).status).toBe(204);
    expect(await waiting).toMatchObject({ status: 200, body: { run: { status: 'pending' } } });
    // Reads are answered to the end.
    expect(await client.read(starting)).toMatchObject({ status: 'pending' });

    answer();
    const { code, out, err } = await first.exit();
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('"rungate stopped"');
    expect(out).not.toContain('"drain timed out');

    await using second = rig.serve();
    const after = await second.client();
    for (const run of intuned.runs) run.say({ status: 'completed', result: 'ended' });
    for (const runId of [running, starting]) {
      expect(await after.output(runId)).toMatchObject({ status: 'success', result: 'ended' });
    }
    for (const name of ['running', 'waited for', 'starting']) expect(startsOf(intuned, name)).toHaveLength(1);
    expect(startsOf(intuned, 'refused')).toEqual([]);
    const again = await after.stream(running, { 'last-event-id': seen.at(-1)?.id ?? '' });
    expect((await again.end())[0]?.id).toBe(String(seen.length + 1));
  });

  test('a gateway that stops waits for a vendor no longer than server.drainSeconds, and logs what remains', async () => {
    await using rig = await openRig(1);
    await using first = rig.serve();
    const client = await first.client();
    rig.intuned.hold('start');
    const { run_id } = await client.create(asking('unanswered'));
    await rig.intuned.counted('start', 1);
    await stopped(first);
    const { code, out } = await first.exit();
    expect(code).toBe(0);
    expect(out).toContain('"drain timed out; remaining runs will be recovered on the next start"');

    await using second = rig.serve();
    const after = await second.client();
    // Whether the vendor accepted it is unknown: the run ends saying so, and is not started again.
    expect(await after.output(run_id)).toMatchObject({ status: 'error', errcode: 1002 });
    expect(rig.intuned.count('start')).toBe(1);
  });

  test('a second signal, more than a second after the first, ends the process at once', async () => {
    await using rig = await openRig();
    await using gateway = rig.serve();
    const client = await gateway.client();
    rig.intuned.hold('start');
    await client.create(asking('unanswered'));
    await rig.intuned.counted('start', 1);
    await stopped(gateway);
    // A signal that comes sooner does not count, so it is repeated until one does.
    const repeat = setInterval(() => gateway.kill('SIGTERM'), 100);
    const { code, out } = await gateway.exit().finally(() => clearInterval(repeat));
    expect(code).toBe(130);
    expect(out).not.toContain('"rungate stopped"');
  });
});

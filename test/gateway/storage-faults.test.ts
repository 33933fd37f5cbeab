import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test, vi } from 'vitest';
import type { AcpClient } from './client.ts';
import type { RungateProcess } from './process.ts';
import {
  asking,
  createAgain,
  expectRefusals,
  openStorageRig,
  type StorageRig,
  startOf,
  startsOf,
} from './storage-rig.ts';

vi.setConfig({ testTimeout: 120_000 });

/** The program that asks this, run for its effect; what it says when it fails. */
function tryProgram(command: string, ...args: readonly string[]): string | null {
  try {
    execFileSync(command, args, { stdio: 'pipe' });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message.trim().split('\n').join(' ') : 'unknown error';
  }
}

/** A run in the middle of its life, one whose start is on its way, and the vendor's answer to it, held back. */
async function liveRuns(client: AcpClient, { intuned }: StorageRig) {
  const running = await client.create(asking('running'));
  const upstream = await startOf(intuned, 'running');
  upstream.say({ status: 'started' });
  await upstream.polled(2);
  const answer = intuned.hold('start');
  const starting = await client.create(asking('starting'));
  await intuned.counted('start', 2);
  return { running, upstream, starting, answer };
}

type Live = Awaited<ReturnType<typeof liveRuns>>;

/** Both runs end at the vendor while nothing can be written. */
async function endMeanwhile({ intuned }: StorageRig, { upstream, answer }: Live): Promise<void> {
  intuned.plan = () => ({ status: 'completed', result: 'ran' });
  answer();
  upstream.say({ status: 'completed', result: 'ended meanwhile' });
  await upstream.polled();
  await startOf(intuned, 'starting');
}

async function expectWhole({ intuned }: StorageRig, client: AcpClient, { running, starting }: Live): Promise<void> {
  expect(await client.output(running.run_id)).toMatchObject({ status: 'success', result: 'ended meanwhile' });
  expect(await client.output(starting.run_id)).toMatchObject({ status: 'success', result: 'ran' });
  for (const name of ['running', 'starting']) expect([name, startsOf(intuned, name).length]).toEqual([name, 1]);
  // A refused request had no effect.
  expect(startsOf(intuned, 'refused')).toEqual([]);
  expect(startsOf(intuned, 'again and again')).toHaveLength(1);
}

async function expectCleanExit(gateway: RungateProcess): Promise<void> {
  gateway.kill('SIGTERM');
  expect(await gateway.exit()).toMatchObject({ code: 0, err: '' });
}

/** A key of a refused request is free: the same request makes the run once there is a store. */
async function expectKeyFree(client: AcpClient, refusedBefore: boolean): Promise<void> {
  const headers = { 'idempotency-key': 'k-1' };
  const { status, headers: answered } = await client.ask('POST', '/runs', asking('again and again'), headers);
  expect([status, answered.get('idempotent-replayed')]).toEqual(refusedBefore ? [503, null] : [200, null]);
}

describe.concurrent('a gateway over SQLite', () => {
  test('a gateway whose SQLite database another program locks refuses requests and loses nothing', async () => {
    await using rig = await openStorageRig({
      storeUrl: (folder) => `sqlite:${join(folder, 'runs.db')}?busyTimeoutMs=50`,
    });
    await using gateway = rig.serve();
    const client = await gateway.client();
    const live = await liveRuns(client, rig);
    const other = new DatabaseSync(join(rig.folder, 'runs.db'), { timeout: 10_000 });
    other.exec('BEGIN EXCLUSIVE');
    await expectRefusals(client);
    await expectKeyFree(client, true);
    await endMeanwhile(rig, live);

    // What needs no write is answered, as the store has it.
    expect(await client.read(live.running.run_id)).toMatchObject({ status: 'pending' });
    expect(await client.search({ agent_id: live.running.agent_id })).toHaveLength(2);
    const resumed = await client.ask('DELETE', `/runs/${live.running.run_id}`);
    expect([resumed.status, resumed.headers.get('retry-after')]).toEqual([503, '1']);

    other.exec('ROLLBACK');
    other.close();
    const after = await createAgain(client, 'after');
    await expectKeyFree(client, false);
    expect(await client.output(after.run_id)).toMatchObject({ status: 'success' });
    await expectWhole(rig, client, live);
    await expectCleanExit(gateway);
  });

  const unmountable = tryMount();
  test.skipIf(unmountable !== null)(
    `a gateway whose disk is full refuses requests and loses nothing (${unmountable ?? 'a small tmpfs'})`,
    async () => {
      const disk = mountDisk();
      try {
        await using rig = await openStorageRig({ storeUrl: () => `sqlite:${join(disk, 'runs.db')}` });
        await using gateway = rig.serve();
        const client = await gateway.client();
        const live = await liveRuns(client, rig);
        const filler = join(disk, 'filler');
        fill(filler);
        const kept = await createUntilRefused(client);
        await expectRefusals(client);
        await expectKeyFree(client, true);
        await endMeanwhile(rig, live);
        expect(await client.search({ agent_id: live.running.agent_id, limit: 1000 })).toHaveLength(2 + kept.length);

        rmSync(filler);
        const after = await createAgain(client, 'after');
        await expectKeyFree(client, false);
        for (const runId of [...kept, after.run_id]) {
          expect(await client.output(runId)).toMatchObject({ status: 'success', result: 'ran' });
        }
        await expectWhole(rig, client, live);
        expect(startsOf(rig.intuned, 'large')).toHaveLength(kept.length);
        await expectCleanExit(gateway);
      } finally {
        execFileSync('umount', [disk]);
        rmSync(disk, { recursive: true });
      }
    },
  );

  // The limit on the size of files is lowered and raised by any user; below it every write of the process fails.
  const unlimited = tryProgram('prlimit', '--pid', String(process.pid), '--fsize');
  test.skipIf(unlimited !== null)(
    `a gateway whose disk takes no write refuses requests and loses nothing (${unlimited ?? 'prlimit'})`,
    async () => {
      await using rig = await openStorageRig({ storeUrl: (folder) => `sqlite:${join(folder, 'runs.db')}` });
      await using gateway = rig.serve();
      const client = await gateway.client();
      const live = await liveRuns(client, rig);
      const allowWrites = forbidWrites(gateway);
      await expectRefusals(client);
      await expectKeyFree(client, true);
      await endMeanwhile(rig, live);
      expect(await client.read(live.running.run_id)).toMatchObject({ status: 'pending' });

      allowWrites();
      const after = await createAgain(client, 'after');
      await expectKeyFree(client, false);
      expect(await client.output(after.run_id)).toMatchObject({ status: 'success' });
      await expectWhole(rig, client, live);
      await expectCleanExit(gateway);
    },
  );

  test('a gateway that stops while its database is locked records what it had asked a vendor for', async () => {
    const options = 'busyTimeoutMs=0';
    await using rig = await openStorageRig({ storeUrl: (folder) => `sqlite:${join(folder, 'runs.db')}?${options}` });
    await using gateway = rig.serve();
    const live = await liveRuns(await gateway.client(), rig);
    const other = new DatabaseSync(join(rig.folder, 'runs.db'), { timeout: 10_000 });
    other.exec('BEGIN IMMEDIATE');
    gateway.kill('SIGTERM');
    await gateway.said(/("rungate stops")/);
    live.answer();
    await gateway.said(/("transition":"started"[^\n]*"store unavailable; the transition is retried")/);
    other.exec('ROLLBACK');
    other.close();
    expect(await gateway.exit()).toMatchObject({ code: 0, err: '' });

    await using next = rig.serve();
    const after = await next.client();
    for (const run of rig.intuned.runs) run.say({ status: 'completed', result: 'ran' });
    for (const { run_id } of [live.running, live.starting]) {
      expect(await after.output(run_id)).toMatchObject({ status: 'success', result: 'ran' });
    }
    for (const name of ['running', 'starting']) expect(startsOf(rig.intuned, name)).toHaveLength(1);
  });

  test.skipIf(unlimited !== null)(
    `a gateway whose disk takes no write can be stopped (${unlimited ?? 'prlimit'})`,
    async () => {
      await using rig = await openStorageRig({
        storeUrl: (folder) => `sqlite:${join(folder, 'runs.db')}`,
        sections: { server: { port: 0, drainSeconds: 1 } },
      });
      await using gateway = rig.serve();
      const live = await liveRuns(await gateway.client(), rig);
      forbidWrites(gateway);
      await endMeanwhile(rig, live);
      await gateway.said(/("transition":"started"[^\n]*"store unavailable; the transition is retried")/);
      gateway.kill('SIGTERM');
      const { code, out, err } = await gateway.exit();
      expect([code, err]).toEqual([0, '']);
      // It was tried again until the drain was over, and not said each time.
      const retried = [...out.matchAll(/"transition":"(\w+)"[^\n]*the transition is retried/g)].map(([, kind]) => kind);
      expect(retried.toSorted()).toEqual([...new Set(retried)].toSorted());

      await using next = rig.serve();
      const after = await next.client();
      expect(await after.output(live.running.run_id)).toMatchObject({ status: 'success', result: 'ended meanwhile' });
      // The acceptance could not be written, so the vendor is not called again.
      expect(await after.output(live.starting.run_id)).toMatchObject({ status: 'error', errcode: 1002 });
      for (const name of ['running', 'starting']) expect(startsOf(rig.intuned, name)).toHaveLength(1);
    },
  );
});

/** Makes every write to a file fail; returns a function that ends this. */
function forbidWrites({ pid }: RungateProcess): () => void {
  const limit = (...words: readonly string[]) => execFileSync('prlimit', ['--pid', String(pid), ...words]);
  const before = limit('--fsize', '--output', 'SOFT', '--noheadings', '--raw').toString().trim();
  limit('--fsize=0:');
  return () => limit(`--fsize=${before}:`);
}

/** Why there can be no file system of our own; null: there can. */
function tryMount(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-mount-'));
  const refusal = tryProgram('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder);
  if (refusal === null) execFileSync('umount', [folder]);
  rmSync(folder, { recursive: true });
  return refusal;
}

function mountDisk(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
  return folder;
}

function fill(file: string): void {
  const block = Buffer.alloc(4096);
  for (;;) {
    try {
      writeFileSync(file, block, { flag: 'a' });
    } catch {
      return;
    }
  }
}

/** Ids of the runs that fitted into the space that the store had left in its own files. */
async function createUntilRefused(client: AcpClient): Promise<readonly string[]> {
  const created: string[] = [];
  const request = { agent_id: 'price-scraper', input: { name: 'large', text: 'x'.repeat(50_000) } };
  for (;;) {
    const { status, body } = await client.ask('POST', '/runs', request);
    if (status === 503) return created;
    created.push((body as { run_id: string }).run_id);
  }
}

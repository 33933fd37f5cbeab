import { copyFileSync, cpSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { AcpClient } from './client.ts';
import type { RungateProcess } from './process.ts';
import { copyDatabase, type LiveRuns, RestoreRig, takeSnapshot } from './restored-rig.ts';
import { asking } from './storage-rig.ts';

/** Each test starts several processes. */
vi.setConfig({ testTimeout: 120_000 });

async function kill(gateway: RungateProcess): Promise<void> {
  gateway.kill('SIGKILL');
  await gateway.exit();
}

async function stop(gateway: RungateProcess): Promise<void> {
  gateway.kill('SIGTERM');
  expect((await gateway.exit()).code).toBe(0);
}

/** Takes a copy, and gives what puts it where a gateway is started on it, whose file that gives. */
type Restore = (rig: RestoreRig) => Promise<() => string>;

const copies: readonly (readonly [name: string, end: 'kill' | 'stop', restore: Restore])[] = [
  [
    'an online backup that is started elsewhere',
    'kill',
    async (rig) => {
      const target = rig.elsewhere('copy');
      rig.sql(`VACUUM INTO '${target}'`);
      return () => target;
    },
  ],
  [
    'a backup by rungate that is put back after a clean stop',
    'stop',
    async (rig) => {
      const target = rig.elsewhere('backup');
      expect((await rig.command('backup', rig.file, '--to', target)).out).toContain('7 runs (7 live)');
      return () => {
        copyFileSync(target, rig.file);
        return rig.file;
      };
    },
  ],
  [
    'a plain copy of file and log that is started elsewhere while the original lives',
    'kill',
    async (rig) => {
      const target = rig.elsewhere('copy');
      copyDatabase(rig.file, target);
      return () => target;
    },
  ],
  [
    'a plain copy of file and log that is put back after a kill',
    'kill',
    async (rig) => {
      const target = rig.elsewhere('copy');
      copyDatabase(rig.file, target);
      return () => {
        copyDatabase(target, rig.file);
        return rig.file;
      };
    },
  ],
  [
    'a copied folder with its fence',
    'kill',
    async (rig) => {
      const target = rig.elsewhere('copy');
      cpSync(dirname(rig.file), dirname(target), { recursive: true });
      return () => target;
    },
  ],
];

/** How the runs of a copy end for each decision, and how many starts and payloads the vendors get more. */
const decisions = [
  ['observe', { running: 'success', queued: 1002, starts: 0, payloads: 0 }],
  ['resume', { running: 'success', queued: 'success', starts: 3, payloads: 1 }],
  ['fail', { running: 1002, queued: 1002, starts: 0, payloads: 0 }],
] as const;

async function endsOf(client: AcpClient, runs: LiveRuns['running']): Promise<readonly unknown[]> {
  const outputs = await Promise.all(runs.map((run) => client.output(run.run_id)));
  return [...new Set(outputs.map(({ status, errcode }) => (status === 'success' ? status : errcode)))];
}

describe.concurrent('a gateway on an old copy', () => {
  test.each(copies)('%s is refused with its live runs, and sends nothing', async (_, end, restore) => {
    await using rig = await RestoreRig.open();
    await using original = rig.serve(rig.file);
    const client = await original.client();
    const live = await rig.makeLiveRuns(client);
    const putBack = await restore(rig);
    await rig.endAll(client, live);
    await (end === 'kill' ? kill(original) : stop(original));
    const { sent } = rig;
    expect(sent).toEqual({ starts: 7, payloads: 1 });

    const file = putBack();
    const { code, err } = await rig.serve(file).exit();
    expect(code).toBe(1);
    expect(err).toMatch(/^rungate: the store is an old copy: /);
    expect(err).toMatch(/Its live runs: 3 queued, 1 resuming, 3 running/);
    for (const { run_id } of [...live.running, ...live.queued, live.resuming]) expect(err).toContain(run_id);
    expect(err).toMatch(/rungate restore --config \S+\.yaml --observe .*\n.*--resume .*\n.*--fail /);
    expect(rig.sent).toEqual(sent);

    const restored = await rig.command('restore', file);
    expect(restored).toMatchObject({ code: 0, err: '' });
    expect(restored.out).toContain('Its live runs: 3 queued, 1 resuming, 3 running');
    expect(restored.out).toContain('--observe: queued and starting runs end as error 1002');
    await using second = rig.serve(file);
    const after = await second.client();
    expect(await endsOf(after, live.running)).toEqual(['success']);
    expect(await endsOf(after, live.queued)).toEqual([1002]);
    expect(await endsOf(after, [live.resuming])).toEqual(['success']);
    expect(rig.sent).toEqual(sent);
    // It is a store like any other from now on.
    expect(await after.run(asking('new'))).toMatchObject({ status: 'success' });
    await kill(second);
    await using third = rig.serve(file);
    expect(await (await third.client()).read(live.queued[0]?.run_id ?? '')).toMatchObject({ status: 'error' });
  });

  test.each(decisions)('the live runs of a copy end as --%s says', async (decision, expected) => {
    await using rig = await RestoreRig.open();
    await using original = rig.serve(rig.file);
    const client = await original.client();
    const live = await rig.makeLiveRuns(client);
    const target = rig.elsewhere('copy');
    rig.sql(`VACUUM INTO '${target}'`);
    await rig.endAll(client, live);
    await kill(original);
    const { sent } = rig;
    expect((await rig.command('restore', target, `--${decision}`)).code).toBe(0);
    await using second = rig.serve(target);
    const after = await second.client();
    expect(await endsOf(after, live.running)).toEqual([expected.running]);
    expect(await endsOf(after, live.queued)).toEqual([expected.queued]);
    expect(await endsOf(after, [live.resuming])).toEqual([expected.running]);
    expect(rig.sent).toEqual({
      starts: sent.starts + expected.starts,
      payloads: sent.payloads + expected.payloads,
    });
    const again = await rig.command('restore', target);
    expect(again).toMatchObject({
      code: 0,
      out: 'nothing to decide: the store is not an old copy, and no run waits\n',
    });
  });

  test.each(decisions)(
    'a snapshot that has its fence holds what was not sent, until a command beside the gateway says --%s',
    async (decision, expected) => {
      await using rig = await RestoreRig.open();
      await using original = rig.serve(rig.file);
      const client = await original.client();
      const live = await rig.makeLiveRuns(client);
      const putBack = takeSnapshot(rig.file);
      await rig.endAll(client, live);
      await kill(original);
      const { sent } = rig;
      putBack();
      rig.sql('UPDATE fence SET beat_at_ms = beat_at_ms - 1000 * 60 * 16');
      await using second = rig.serve(rig.file);
      const after = await second.client();
      expect(await second.said(/(unsent runs wait for the decision)/)).toBeDefined();
      expect(await endsOf(after, live.running)).toEqual(['success']);
      for (const run of [...live.queued, live.resuming]) {
        expect(await after.read(run.run_id)).toMatchObject({ status: 'pending' });
      }
      expect(rig.sent).toEqual(sent);

      const decided = await rig.command('restore', rig.file, `--${decision}`);
      expect(decided.out).toContain('Its live runs: 3 queued, 1 resuming\n');
      expect(await endsOf(after, live.queued)).toEqual([expected.queued]);
      expect(await endsOf(after, [live.resuming])).toEqual([expected.running]);
      expect(rig.sent).toEqual({
        starts: sent.starts + expected.starts,
        payloads: sent.payloads + expected.payloads,
      });
    },
  );

  test('a run that waits for a decision can be cancelled, and waits through a restart', async () => {
    await using rig = await RestoreRig.open();
    await using original = rig.serve(rig.file);
    const client = await original.client();
    const { queued } = await rig.makeLiveRuns(client);
    await kill(original);
    rig.sql('UPDATE fence SET beat_at_ms = 0');
    await using second = rig.serve(rig.file);
    const after = await second.client();
    const [cancelled, kept] = queued;
    expect((await after.ask('DELETE', `/runs/${cancelled?.run_id}`)).status).toBeLessThan(300);
    await kill(second);
    await using third = rig.serve(rig.file);
    expect(await (await third.client()).read(kept?.run_id ?? '')).toMatchObject({ status: 'pending' });
    expect(await third.said(/"runs":(\d+)[^\n]*unsent runs wait/)).toBe('3');
    expect(rig.intuned.count('start')).toBe(3);
  });
});

describe.concurrent('a database that was not restored', () => {
  test('a gateway goes on by itself after a clean stop and a move to another place', async () => {
    await using rig = await RestoreRig.open();
    await using original = rig.serve(rig.file);
    const live = await rig.makeLiveRuns(await original.client());
    await stop(original);
    const target = rig.elsewhere('moved');
    renameSync(rig.file, target);
    await using second = rig.serve(target);
    await rig.endAll(await second.client(), live);
    expect(rig.sent).toEqual({ starts: 7, payloads: 1 });
  });

  test('a database that only versions without a fence have opened is adopted without a word', async () => {
    await using rig = await RestoreRig.open();
    await using original = rig.serve(rig.file);
    const live = await rig.makeLiveRuns(await original.client());
    await kill(original);
    rig.sql('DELETE FROM fence');
    rmSync(`${rig.file}.fence`);
    await using second = rig.serve(rig.file);
    await rig.endAll(await second.client(), live);
    expect(rig.sent).toEqual({ starts: 7, payloads: 1 });
  });

  test('a gateway that is started again after minutes, fewer than store.staleAfterMinutes, goes on', async () => {
    await using rig = await RestoreRig.open();
    await using original = rig.serve(rig.file);
    const live = await rig.makeLiveRuns(await original.client());
    await kill(original);
    rig.sql('UPDATE fence SET beat_at_ms = beat_at_ms - 1000 * 60 * 20');
    await using second = rig.serve(rig.file, { staleAfterMinutes: 30 });
    await rig.endAll(await second.client(), live);
    expect(rig.sent).toEqual({ starts: 7, payloads: 1 });
  });
});

describe.concurrent('rungate backup', () => {
  test('a backup beside a gateway that writes all the time is whole, and never overwrites a file', async () => {
    await using rig = await RestoreRig.open();
    rig.intuned.plan = () => ({ status: 'completed', result: 1 });
    await using gateway = rig.serve(rig.file);
    const client = await gateway.client();
    let isOver = false;
    const writing = (async () => {
      for (let n = 0; !isOver; n += 1) await client.create(asking(`run ${n}`));
    })();
    for (const name of ['one', 'two']) {
      const target = rig.elsewhere(name);
      const { code, out, err } = await rig.command('backup', rig.file, '--to', target);
      expect([code, err]).toEqual([0, '']);
      expect(out).toMatch(/: \d+ runs \(\d+ live\), \d+ events, 0 threads, .*; integrity check passed\n$/);
      const before = readFileSync(target);
      const again = await rig.command('backup', rig.file, '--to', target);
      expect(again).toMatchObject({ code: 1, err: `rungate: ${target} exists already\n` });
      expect(readFileSync(target)).toEqual(before);
    }
    isOver = true;
    await writing;
  });

  test.each([
    ['a store in memory', ':memory:', /does not exist/],
    ['a PostgreSQL store', 'postgres://127.0.0.1:9/none', /pg_dump/],
    ['a file that does not exist', 'missing.db', /does not exist/],
  ])('%s is refused with the reason', async (_, database, reason) => {
    await using rig = await RestoreRig.open();
    const { code, err } = await rig.command('backup', database, '--to', 'copy.db');
    expect(code).toBe(1);
    expect(err).toMatch(reason);
  });
});

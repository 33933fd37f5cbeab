import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { backUpStore, openStore } from '../../src/store/open.ts';
import { FenceBench } from './fence-bench.ts';
import { silentLog } from './runs.ts';

const copy = (reason: string) => ({ kind: 'copy', reason: expect.stringContaining(reason) });
const intact = { kind: 'intact', unheardMs: expect.any(Number) };
const stopped = { kind: 'intact', unheardMs: null };
const moved = { kind: 'moved' };

type Kind = readonly [
  name: string,
  /** Gives the file that is started last. */
  history: (bench: FenceBench) => Promise<string>,
  finding: object,
];

/** What becomes of a database between two starts, and what the second one finds. */
const kinds: readonly Kind[] = [
  ['a file that does not exist', async ({ file }) => file, { kind: 'new', note: null }],
  [
    'a database of a version without a fence',
    async (bench) => {
      await (await bench.begin()).close();
      bench.sql('DELETE FROM fence');
      bench.remove('.fence');
      return bench.file;
    },
    { kind: 'new', note: null },
  ],
  [
    'a file after a kill',
    async (bench) => {
      const store = await bench.begin();
      await bench.goOn(store);
      await store.close();
      return bench.file;
    },
    intact,
  ],
  [
    'a file after several heartbeats and a kill',
    async (bench) => {
      const store = await bench.begin();
      for (let beat = 0; beat < 3; beat += 1) await store.beat('a');
      await store.close();
      return bench.file;
    },
    intact,
  ],
  [
    'a file whose last written run was removed before a kill',
    async (bench) => {
      const store = await bench.begin();
      await store.remove(bench.run, bench.run.version);
      await store.close();
      return bench.file;
    },
    intact,
  ],
  [
    'a file whose fence lost its last writes to a power cut',
    async (bench) => {
      const store = await bench.begin();
      const before = readFileSync(`${bench.file}.fence`);
      await store.beat('a');
      await bench.goOn(store);
      await store.close();
      writeFileSync(`${bench.file}.fence`, before);
      return bench.file;
    },
    intact,
  ],
  [
    'a file whose process died between the two writes of its start',
    async (bench) => {
      await (await bench.begin()).close();
      const path = `${bench.file}.fence`;
      const record = JSON.parse(readFileSync(path, 'utf8'));
      writeFileSync(path, JSON.stringify({ ...record, epoch: 'next', beat: record.beat + 1, taking: record.epoch }));
      return bench.file;
    },
    intact,
  ],
  [
    'a file whose lock was removed after a kill',
    async (bench) => {
      await (await bench.begin()).close();
      bench.remove('.lock');
      return bench.file;
    },
    intact,
  ],
  [
    'a file after a clean stop',
    async (bench) => {
      await bench.stop(await bench.begin());
      return bench.file;
    },
    stopped,
  ],
  [
    'a file that was moved alone after a clean stop',
    async (bench) => {
      await bench.stop(await bench.begin());
      mkdirSync(dirname(bench.elsewhere()));
      renameSync(bench.file, bench.elsewhere());
      return bench.elsewhere();
    },
    moved,
  ],
  [
    'a file that was copied to another machine after a clean stop, with its folder',
    async (bench) => {
      await bench.stop(await bench.begin());
      bench.copyFolder(bench.elsewhere());
      return bench.elsewhere();
    },
    moved,
  ],
  [
    'a file that was moved away and back, with a clean stop each time',
    async (bench) => {
      await bench.stop(await bench.begin());
      mkdirSync(dirname(bench.elsewhere()));
      renameSync(bench.file, bench.elsewhere());
      await bench.stop(await bench.take(bench.elsewhere()));
      renameSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    stopped,
  ],
  [
    'the file that was left behind by a copy that started since',
    async (bench) => {
      await bench.stop(await bench.begin());
      bench.copy(bench.elsewhere());
      await bench.stop(await bench.take(bench.elsewhere()));
      return bench.file;
    },
    copy('started since'),
  ],
  [
    'a copy made between two clean stops, on the same machine',
    async (bench) => {
      await bench.stop(await bench.begin());
      bench.copy(bench.elsewhere());
      const store = await bench.take();
      await bench.goOn(store);
      await bench.stop(store);
      return bench.elsewhere();
    },
    copy('was started since'),
  ],
  [
    'a copy made after a clean stop, put back after the original went on and was killed',
    async (bench) => {
      await bench.stop(await bench.begin());
      bench.copy(bench.elsewhere());
      const store = await bench.take();
      await store.close();
      copyFileSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    copy('started since'),
  ],
  [
    'a backup by VACUUM INTO of a live gateway, elsewhere',
    async (bench) => {
      const store = await bench.begin();
      bench.vacuum(bench.elsewhere());
      await store.close();
      return bench.elsewhere();
    },
    copy('no fence stands beside it'),
  ],
  [
    'a plain copy of file and log of a live gateway, elsewhere',
    async (bench) => {
      const store = await bench.begin();
      bench.copy(bench.elsewhere());
      await store.close();
      return bench.elsewhere();
    },
    copy('no fence stands beside it'),
  ],
  [
    'a backup written into the file of a gateway that wrote one run more and was killed',
    async (bench) => {
      const store = await bench.begin();
      bench.vacuum(bench.elsewhere());
      await bench.goOn(store);
      await store.close();
      bench.remove('-wal', '-shm');
      copyFileSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    copy('it lacks what was written'),
  ],
  [
    'a backup from before the last run was inserted, written into the file after a kill',
    async (bench) => {
      const store = await bench.take();
      bench.vacuum(bench.elsewhere());
      await store.insert(bench.run, []);
      await store.close();
      bench.remove('-wal', '-shm');
      copyFileSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    copy('it lacks what was written'),
  ],
  [
    'a backup written into the file of a gateway that only beat since and was killed',
    async (bench) => {
      const store = await bench.begin();
      bench.vacuum(bench.elsewhere());
      await store.beat('a');
      await store.close();
      bench.remove('-wal', '-shm');
      copyFileSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    copy('its last heartbeat is older'),
  ],
  [
    'a backup that replaces the file of a killed gateway that wrote nothing since',
    async (bench) => {
      const store = await bench.begin();
      bench.vacuum(bench.elsewhere());
      await store.close();
      bench.remove('-wal', '-shm');
      renameSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    copy('another one than the fence was written for'),
  ],
  [
    'a backup put back after a clean stop',
    async (bench) => {
      const store = await bench.begin();
      bench.vacuum(bench.elsewhere());
      await bench.goOn(store);
      await bench.stop(store);
      copyFileSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    copy('its last heartbeat is older'),
  ],
  [
    'a backup put back after the gateway was started again and killed',
    async (bench) => {
      const store = await bench.begin();
      bench.vacuum(bench.elsewhere());
      await store.close();
      await (await bench.take()).close();
      bench.remove('-wal', '-shm');
      copyFileSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    copy('another process has taken it since'),
  ],
  [
    'a folder copied with its fence after a kill',
    async (bench) => {
      await (await bench.begin()).close();
      bench.copyFolder(bench.elsewhere());
      return bench.elsewhere();
    },
    copy('another one than the fence was written for'),
  ],
  [
    'a file whose fence was removed after a kill',
    async (bench) => {
      await (await bench.begin()).close();
      bench.remove('.fence');
      return bench.file;
    },
    copy('no fence stands beside it'),
  ],
  [
    'a file whose fence is damaged',
    async (bench) => {
      await (await bench.begin()).close();
      writeFileSync(`${bench.file}.fence`, '{"epoch":');
      return bench.file;
    },
    copy('cannot be read'),
  ],
  [
    'a file beside the fence of another database',
    async (bench) => {
      await (await bench.begin()).close();
      const path = `${bench.file}.fence`;
      const record = JSON.parse(readFileSync(path, 'utf8'));
      writeFileSync(path, JSON.stringify({ ...record, lineage: 'another' }));
      return bench.file;
    },
    copy('of another database'),
  ],
  [
    'a backup of a version without a fence, put back beside the fence of this one',
    async (bench) => {
      const store = await bench.begin();
      bench.vacuum(bench.elsewhere());
      bench.sql('DELETE FROM fence', bench.elsewhere());
      await store.close();
      bench.remove('-wal', '-shm');
      copyFileSync(bench.elsewhere(), bench.file);
      return bench.file;
    },
    copy('older than the fence beside it'),
  ],
  [
    'an empty database beside the fence of one that was removed',
    async (bench) => {
      await (await bench.begin()).close();
      bench.remove('', '-wal', '-shm');
      return bench.file;
    },
    { kind: 'new', note: expect.stringContaining('fence of an earlier one') },
  ],
  [
    'a backup by rungate of a gateway that was stopped cleanly',
    async (bench) => {
      await bench.stop(await bench.begin());
      mkdirSync(dirname(bench.elsewhere()));
      await backUpStore(`sqlite:${bench.file}`, bench.elsewhere());
      return bench.elsewhere();
    },
    copy('made by rungate backup at '),
  ],
];

describe('the fence of a SQLite file', { timeout: 30_000 }, () => {
  test.each(kinds)('%s is recognized', async (_, history, finding) => {
    using bench = new FenceBench();
    expect(await bench.examine(await history(bench))).toMatchObject(finding);
  });

  test('the age of the last heartbeat is counted from it', async () => {
    using bench = new FenceBench();
    await (await bench.begin()).close();
    bench.sql('UPDATE fence SET beat_at_ms = beat_at_ms - 3600000');
    const finding = await bench.examine();
    expect(finding.kind === 'intact' && finding.unheardMs).toBeGreaterThan(3_600_000);
  });

  test.each(['observe', 'resume', 'fail'] as const)(
    'the decision "%s" about a copy is kept until it is carried out, also of one without a fence',
    async (decision) => {
      using bench = new FenceBench();
      await (await bench.begin()).close();
      bench.sql('DELETE FROM fence');
      const store = await bench.open();
      expect(await store.fence.decision()).toBeNull();
      await store.fence.decide(decision);
      expect(await store.fence.examine()).toMatchObject({ kind: 'copy', beatAtMs: null });
      await store.fence.take(await store.fence.examine(), []);
      expect(await store.fence.decision()).toBe(decision);
      await store.fence.free();
      expect(await store.fence.decision()).toBeNull();
      await store.close();
      expect(await bench.examine()).toMatchObject(intact);
    },
  );

  test('a store in memory has no fence', async () => {
    const store = await openStore('sqlite::memory:', { log: silentLog });
    expect(store.fence).toBeNull();
    await store.beat('a');
    await store.close();
  });
});

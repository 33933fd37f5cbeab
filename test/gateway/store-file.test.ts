import { existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { RungateProcess } from './process.ts';
import { RestoreRig } from './restored-rig.ts';
import { asking, expectRefusals, patience, readiness, startsOf } from './storage-rig.ts';

/** Each test starts two processes or more. */
vi.setConfig({ testTimeout: 120_000 });

async function kill(gateway: RungateProcess): Promise<void> {
  gateway.kill('SIGKILL');
  await gateway.exit();
}

/** Gives another name of a database that a live gateway has open. */
type Naming = (rig: RestoreRig) => string;

const names: readonly (readonly [name: string, naming: Naming, refusal: RegExp])[] = [
  ['its own name', ({ file }) => file, /in use by another process/],
  [
    'a hard link',
    (rig) => {
      const link = rig.elsewhere('linked');
      linkSync(rig.file, link);
      return link;
    },
    /has 2 names \(hard links\)/,
  ],
  [
    'a hard link after its first name was removed',
    (rig) => {
      const link = rig.elsewhere('linked');
      linkSync(rig.file, link);
      rmSync(rig.file);
      return link;
    },
    /in use by another process/,
  ],
  [
    'a hard link in the same folder',
    ({ file }) => {
      linkSync(file, `${file}.other`);
      return `${file}.other`;
    },
    /has 2 names \(hard links\)/,
  ],
  [
    'a symbolic link',
    (rig) => {
      const link = rig.elsewhere('linked');
      symlinkSync(rig.file, link);
      return link;
    },
    /in use by another process/,
  ],
  [
    'a symbolic link to its folder',
    (rig) => {
      const folder = join(rig.folder, 'folder');
      symlinkSync(dirname(rig.file), folder);
      return join(folder, 'rungate.db');
    },
    /in use by another process/,
  ],
  [
    'a new name that it was given since',
    ({ file }) => {
      renameSync(file, `${file}.renamed`);
      return `${file}.renamed`;
    },
    /in use by another process/,
  ],
  [
    'its own name once its lock was removed',
    ({ file }) => {
      rmSync(`${file}.lock`);
      return file;
    },
    /in use by another process/,
  ],
  [
    'its own name once lock and fence were removed',
    ({ file }) => {
      rmSync(`${file}.lock`);
      rmSync(`${file}.fence`);
      return file;
    },
    /in use by another process/,
  ],
];

describe.concurrent('a second gateway on the database of a live one', () => {
  test.each(names)(
    'a second gateway by %s is refused, and the first starts every run once',
    async (_, naming, said) => {
      await using rig = await RestoreRig.open();
      await using first = rig.serve(rig.file);
      const client = await first.client();
      const live = await rig.makeLiveRuns(client);
      const name = naming(rig);
      const { code, err } = await rig.serve(name).exit();
      expect([code, err]).toEqual([1, expect.stringMatching(said)]);
      // It has lost its file where that name is gone.
      if (!existsSync(rig.file)) return expect(rig.intuned.runs).toHaveLength(3);
      await rig.endAll(client, live);
      expect(rig.intuned.runs).toHaveLength(6);
    },
  );

  test('a symbolic link to a database leads to its fence, so that a gateway that was killed goes on by either name', async () => {
    await using rig = await RestoreRig.open();
    const link = rig.elsewhere('linked');
    mkdirSync(dirname(rig.file));
    writeFileSync(rig.file, '');
    symlinkSync(rig.file, link);
    await using first = rig.serve(link);
    const live = await rig.makeLiveRuns(await first.client());
    await kill(first);
    await using second = rig.serve(rig.file);
    await rig.endAll(await second.client(), live);
    expect(rig.sent).toEqual({ starts: 7, payloads: 1 });
  });

  test('a symbolic link that leads nowhere is refused', async () => {
    await using rig = await RestoreRig.open();
    const link = rig.elsewhere('linked');
    symlinkSync(rig.file, link);
    const { code, err } = await rig.serve(link).exit();
    expect([code, err]).toEqual([1, expect.stringContaining('is a symbolic link to a file that does not exist')]);
  });
});

const blows: readonly (readonly [name: string, blow: (file: string) => void])[] = [
  ['removed', (file) => rmSync(file)],
  ['renamed', (file) => renameSync(file, `${file}.renamed`)],
  [
    'replaced',
    (file) => {
      writeFileSync(`${file}.new`, '');
      renameSync(`${file}.new`, file);
    },
  ],
  ['deprived of its write-ahead log', (file) => rmSync(`${file}-wal`)],
  ['moved with its folder', (file) => renameSync(dirname(file), `${dirname(file)}-moved`)],
];

describe.concurrent('a database under a live gateway', () => {
  test.each(blows)(
    'a file that is %s makes the gateway unready, which then accepts and starts nothing',
    async (_, blow) => {
      await using rig = await RestoreRig.open();
      await using gateway = rig.serve(rig.file);
      const client = await gateway.client();
      const live = await rig.makeLiveRuns(client);
      expect(await readiness(client.url)).toMatchObject([200, {}]);
      blow(rig.file);
      // Creates are refused by the next heartbeat, with no probe.
      await vi.waitFor(async () => {
        const { status } = await client.ask('POST', '/runs', asking('too late'));
        expect(status).toBe(503);
      }, patience);
      await expectRefusals(client);
      const starts = rig.intuned.count('start');
      for (const run of rig.intuned.runs) run.say({ status: 'completed', result: 'done' });
      for (const { run_id } of live.queued) expect(await client.read(run_id)).toMatchObject({ status: 'pending' });
      // The three that wait for a slot would have been started before the end.
      gateway.kill('SIGTERM');
      await gateway.exit();
      expect(rig.intuned.count('start')).toBe(starts);
    },
  );

  test('a file that comes back under its name is used again', async () => {
    await using rig = await RestoreRig.open();
    await using gateway = rig.serve(rig.file);
    const client = await gateway.client();
    const live = await rig.makeLiveRuns(client);
    renameSync(rig.file, `${rig.file}.away`);
    await vi.waitFor(async () => expect(await readiness(client.url)).toMatchObject([503, {}]), patience);
    renameSync(`${rig.file}.away`, rig.file);
    await vi.waitFor(async () => expect(await readiness(client.url)).toMatchObject([200, {}]), patience);
    await rig.endAll(client, live);
    expect(rig.sent).toEqual({ starts: 7, payloads: 1 });
  });

  test('a lock and a fence that are removed are made again with the next heartbeat', async () => {
    await using rig = await RestoreRig.open();
    await using gateway = rig.serve(rig.file);
    const client = await gateway.client();
    const live = await rig.makeLiveRuns(client);
    for (const ending of ['.lock', '.fence']) rmSync(`${rig.file}${ending}`);
    await vi.waitFor(() => {
      for (const ending of ['.lock', '.fence']) expect(existsSync(`${rig.file}${ending}`)).toBe(true);
    }, patience);
    expect(await readiness(client.url)).toMatchObject([200, {}]);
    await kill(gateway);
    await using second = rig.serve(rig.file);
    await rig.endAll(await second.client(), live);
    expect(startsOf(rig.intuned, 'run 1')).toHaveLength(1);
    expect(rig.sent).toEqual({ starts: 7, payloads: 1 });
  });
});

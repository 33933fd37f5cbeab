import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import type { AcpClient, Answered, RunAnswer } from './client.ts';
import type { RungateProcess } from './process.ts';
import { asking, openStorageRig, type StorageRig, startOf, startsOf } from './storage-rig.ts';

vi.setConfig({ testTimeout: 120_000 });

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;

async function createAs(client: AcpClient, key: string, name: string): Promise<Answered> {
  return await client.ask('POST', '/runs', asking(name), { 'idempotency-key': `"${key}"` });
}

function isReplay({ headers }: Answered): boolean {
  return headers.get('idempotent-replayed') === 'true';
}

function idOf({ body }: Answered): string {
  return (body as RunAnswer).run_id;
}

describe.skipIf(reason !== null)(`one key at two replicas${reason === null ? '' : ` (${reason})`}`, () => {
  let rig: StorageRig;
  let gateways: readonly RungateProcess[];
  let one: AcpClient;
  let other: AcpClient;

  beforeAll(async () => {
    const url = await (started as PostgresServer).createDatabase();
    const sections = { replicas: { heartbeatSeconds: 1, deadAfterSeconds: 3 } };
    rig = await openStorageRig({ storeUrl: () => url, sections });
    rig.intuned.plan = () => ({ status: 'completed', result: 'ran' });
    const [first, second] = [rig.serve(), rig.serve()];
    gateways = [first, second];
    [one, other] = [await first.client(), await second.client()];
  });
  afterAll(async () => {
    for (const gateway of gateways ?? []) await gateway[Symbol.asyncDispose]();
    await rig?.[Symbol.asyncDispose]();
    if (reason === null) await (started as PostgresServer).destroy();
  });

  test('one idempotency key makes one run at two replicas, however many requests come at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const name = `at-once-${round}`;
      const answers = await Promise.all([one, other, one, other].map((client) => createAs(client, name, name)));
      const taken = answers.filter(({ status }) => status === 200);
      const refused = answers.filter(({ status }) => status !== 200);
      expect(new Set(taken.map(idOf)).size).toBe(1);
      expect(taken.filter((answer) => !isReplay(answer))).toHaveLength(1);
      for (const { status, body, headers } of refused) {
        expect([status, body]).toEqual([409, 'a request with this idempotency key is still being carried out']);
        expect(headers.get('retry-after')).toBe('1');
      }
      // Each of the two replicas has at most one creation with the key under way.
      expect(taken.length).toBeGreaterThanOrEqual(2);
      expect(await one.output(taken.map(idOf)[0] ?? '')).toMatchObject({ status: 'success' });
      expect(startsOf(rig.intuned, name)).toHaveLength(1);
    }
  });

  test('an idempotency key with another request than its first one is refused', async () => {
    const made = await createAs(one, 'k-1', 'first');
    const mismatch = await createAs(other, 'k-1', 'second');
    expect(mismatch).toMatchObject({
      status: 422,
      body: 'the idempotency key was used before, for another request',
    });
    const replayed = await createAs(other, 'k-1', 'first');
    expect([replayed.status, isReplay(replayed), idOf(replayed)]).toEqual([200, true, idOf(made)]);
    expect(startsOf(rig.intuned, 'second')).toEqual([]);
  });

  test('an idempotency key leads to its run when the replica that made it is gone', async () => {
    rig.intuned.plan = () => ({ status: 'started' });
    const made = await createAs(one, 'k-2', 'kept');
    const upstream = await startOf(rig.intuned, 'kept');
    await upstream.polled();
    rig.intuned.plan = () => ({ status: 'completed', result: 'ran' });
    const names = Array.from({ length: 20 }, (_, index) => `unheard-${index}`);
    const unheard = names.map((name) => createAs(one, name, name).catch(() => null));
    await Promise.race(unheard);
    gateways[0]?.kill('SIGKILL');
    const heard = await Promise.all(unheard);

    const replayed = await createAs(other, 'k-2', 'kept');
    expect([replayed.status, isReplay(replayed), idOf(replayed)]).toEqual([200, true, idOf(made)]);
    const retried = await Promise.all(names.map((name) => createAs(other, name, name)));
    for (const [index, name] of names.entries()) {
      const [before, after] = [heard[index], retried[index]];
      if (after === undefined) throw new Error('it was not answered');
      expect(after.status).toBe(200);
      // What was acknowledged was made; what was not may have been.
      if (before?.status === 200) expect([isReplay(after), idOf(after)]).toEqual([true, idOf(before)]);
      const { status, errcode } = await other.output(idOf(after));
      // The dead process may have called the vendor: then the call is not repeated.
      expect([name, errcode ?? status]).toEqual([name, expect.toBeOneOf(['success', 1002])]);
      expect(startsOf(rig.intuned, name).length).toBeLessThanOrEqual(1);
    }
    upstream.say({ status: 'completed', result: 'ended' });
    expect(await other.output(idOf(made))).toMatchObject({ status: 'success', result: 'ended' });
    expect(startsOf(rig.intuned, 'kept')).toHaveLength(1);
  });
});

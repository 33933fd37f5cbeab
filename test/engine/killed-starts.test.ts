import { expect, test } from 'vitest';
import type { AdoptionKind, Observation, StartAnswer, StartRequest } from '../../src/contract/adapter/adapter.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Run, UpstreamRef } from '../../src/contract/domain/run.ts';
import { AdoptingVendor, success } from './adopting-vendor.ts';
import { openRig, type Rig, type RigOptions, tenant } from './engine-rig.ts';
import { KillPoints } from './kill-points.ts';

/** Dies with its process at the places around a call. */
class MortalVendor extends AdoptingVendor {
  readonly #points: KillPoints;

  constructor(points: KillPoints, isSearchable: boolean) {
    super();
    this.#points = points;
    if (!isSearchable) delete this.adoption.find;
  }

  override async start(request: StartRequest<unknown>): Promise<StartAnswer> {
    await this.#points.pass('before start');
    const answer = await super.start(request);
    await this.#points.pass('after start');
    return answer;
  }

  override async observe(target: unknown, upstream: UpstreamRef, signal: AbortSignal): Promise<Observation> {
    await this.#points.pass('before observe');
    const seen = await super.observe(target, upstream, signal);
    await this.#points.pass('after observe');
    return seen;
  }
}

type Story = {
  readonly points: KillPoints;
  readonly vendor: MortalVendor;
  /** As it is at last; null: no run was acknowledged, and none is stored. */
  readonly run: Run | null;
};

const capable = { resume: false, cancel: true, push: true, session: false };

/** A run from its creation to its end, whose process dies at one place and is followed by another one. */
async function live(adopt: AdoptionKind, killAt: number, afterMs: number): Promise<Story> {
  const points = new KillPoints(killAt);
  const vendor = new MortalVendor(points, adopt !== 'push');
  vendor.observeScript.push({ status: 'running' }, success);
  const options: RigOptions = {
    vendor,
    wrapStore: (store) => points.around(store),
    options: { push: { publicUrl: 'https://runs.example' }, secrets: ['hush'] },
    agent: { capabilities: { ...capable, adopt } },
  };
  let rig = await openRig(options);
  try {
    points.arm();
    const created = rig.create({ input: 1, ...(afterMs > 0 ? { afterMs } : {}) });
    created.catch(() => {});
    await rig.clock.advance(3000);
    points.disarm();
    if (points.hasKilled) rig = await rig.crash();
    await rig.clock.advance(3000);
    await push(rig, vendor);
    await rig.clock.advance(5_400_000);
    return { points, vendor, run: await findOnly(rig) };
  } finally {
    await rig.close();
  }
}

/** The vendor reports the end of what it has, to whichever process there is. */
async function push(rig: Rig, vendor: MortalVendor): Promise<void> {
  for (const [at, runId] of [...vendor.made.values()].entries()) {
    await rig.engine.acceptPush('scripted', vendor.sinks[at] ?? '', () => ({ runId }));
  }
}

async function findOnly(rig: Rig): Promise<Run | null> {
  const query = { tenant, limit: 10, offset: 0 };
  for await (const { rows } of rig.store.search(query)) {
    expect(rows).toHaveLength(1);
    return await rig.store.findOfAnyTenant(rows[0]?.runId ?? '');
  }
  return null;
}

test.each([
  ['start', 0],
  ['start', 500],
  ['find', 0],
  ['find', 500],
  ['push', 0],
  ['push', 500],
  ['none', 0],
] as const)(
  'a process that dies at any await of a run (adoption: %s, delayed by %i ms) starts it once and gets its result',
  async (adopt, afterMs) => {
    const { points } = await live(adopt, Number.POSITIVE_INFINITY, afterMs);
    const places = points.passed;
    // A run of this kind passes a dozen places, and the story is of use only if it passes those around its start.
    expect(places).toEqual(
      expect.arrayContaining(['after insertWithin', 'before start', 'after start', 'after update']),
    );
    expect(places.length).toBeGreaterThan(8);
    const told: string[] = [];
    for (const [at, place] of places.entries()) {
      const { points: died, vendor, run } = await live(adopt, at, afterMs);
      expect(died.where).toBe(place);
      told.push(`${at} ${place}: ${tell(run)}, executed ${vendor.executions}`);
      expect(told.at(-1)).toBe(`${at} ${place}: ${expected(adopt, places, at)}`);
    }
  },
  120_000,
);

function tell(run: Run | null): string {
  if (run === null) return 'no run';
  return run.outcome?.kind === 'error' ? `error ${run.outcome.errcode}` : `${run.status} ${run.phase}`;
}

function expected(adopt: AdoptionKind, places: readonly string[], at: number): string {
  const place = places[at] ?? '';
  const sent = places.indexOf('before start');
  const recorded = places.indexOf('after update', places.indexOf('after start'));
  if (place === 'before insertWithin') return 'no run, executed 0';
  const isUnsettled = at >= sent && at < recorded;
  // Also between the durable `starting` and the call, where only the dead process knew that nothing was sent.
  const isStarting = at >= startingAt(places) && at < sent;
  const unknown = `error ${errcodes.startUnknown}`;
  if (adopt === 'none' && (isUnsettled || isStarting)) return `${unknown}, executed ${at > sent ? 1 : 0}`;
  if (adopt !== 'start' && (place === 'before start' || isStarting)) return `${unknown}, executed 0`;
  return 'success done, executed 1';
}

/** Where `starting` is durable: with the insert of a run that is started at once, or with the last write before its start. */
function startingAt(places: readonly string[]): number {
  const sent = places.indexOf('before start');
  return places.slice(0, sent).findLastIndex((place) => place === 'after insertWithin' || place === 'after update');
}

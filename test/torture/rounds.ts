import { setTimeout as sleep } from 'node:timers/promises';
import type { Book } from './book.ts';
import type { Chance } from './chance.ts';
import type { Copies } from './copies.ts';
import type { Customers } from './customers.ts';
import type { GatewayProcess } from './gateway-process.ts';
import type { RecoveryMeter } from './meter.ts';
import type { Owners } from './owners.ts';
import type { ReplicaSet } from './replica-set.ts';

export type RoundDeps = {
  readonly replicaSet: ReplicaSet;
  readonly book: Book;
  readonly customers: Customers;
  readonly meter: RecoveryMeter;
  readonly chance: Chance;
  readonly deadAfterMs: number;
};

/** Long enough for runs to be woken in it, and for that to be seen. */
const quietMs = 18_000;
const burstShare = 0.5;
/** Of kills of a single gateway that are followed by another one before it has recovered. */
const againShare = 0.15;
const bothShare = 0.15;
const pauseShare = 0.4;
/** Of pauses that end before the others may take over. */
const shortPauseShare = 0.2;
const patienceMs = 30_000;
/** What a process sent before it died has arrived by then. */
const flightMs = 20;

/** One gateway on SQLite: it is killed and started again; samples count from the new start. How many kills that were. */
export async function killAndRestart(deps: RoundDeps): Promise<number> {
  const { replicaSet, book, meter, chance } = deps;
  await replicaSet.startAll();
  await awaitMoment(deps);
  await replicaSet.killAll();
  await sleep(flightMs);
  const unattended = await meter.list(book.live);
  await sleep(chance.between(0, 100));
  const sinceMs = Date.now();
  const starting = replicaSet.startAll();
  if (chance.happens(againShare)) {
    // In the middle of its recovery, or even of its start.
    await sleep(chance.between(50, 1500));
    await replicaSet.killAll();
    await starting;
    await replicaSet.startAll();
    return 2;
  }
  await starting;
  await meter.measure(unattended, sinceMs, patienceMs);
  return 1;
}

/** Replicas on one database: one or two are killed or paused; samples count from that moment. How many were hit. */
export async function hitReplicas(deps: RoundDeps, owners: Owners): Promise<number> {
  const { replicaSet, meter, chance, deadAfterMs } = deps;
  await replicaSet.startAll();
  await awaitMoment(deps);
  const first = chance.pick(replicaSet.gateways);
  const others = replicaSet.gateways.filter((gateway) => gateway !== first);
  const victims = chance.happens(bothShare) ? [first, chance.pick(others)] : [first];
  const sinceMs = Date.now();
  const blows = await Promise.all(victims.map((victim) => strike(victim, deps, owners)));
  await sleep(flightMs);
  const dead = victims.filter((_, at) => blows[at]?.isDeadly === true);
  const owned = await Promise.all(dead.map((gateway) => owners.ownedBy(gateway)));
  const unattended = await meter.list(owned.flat());
  await Promise.all([
    meter.measure(unattended, sinceMs, deadAfterMs + patienceMs),
    ...blows.map(({ recovery }) => recovery()),
  ]);
  return victims.length;
}

/** A copy of the database is taken, the gateways go on, and a gateway is started on the copy. */
export async function startOnCopy(deps: RoundDeps, copies: Copies): Promise<void> {
  await deps.replicaSet.startAll();
  await awaitMoment(deps);
  await copies.restore();
}

/** A second gateway is started by another name of the database. */
export async function startByLink(deps: RoundDeps, copies: Copies): Promise<void> {
  await deps.replicaSet.startAll();
  await awaitMoment(deps);
  await copies.link();
}

/** Nothing is done to the gateways while sleeping runs are woken. */
export async function leaveAlone(deps: RoundDeps): Promise<void> {
  await deps.replicaSet.startAll();
  await sleep(quietMs);
}

/** Some quiet or busy moment, at random. */
async function awaitMoment({ customers, chance }: RoundDeps): Promise<void> {
  await sleep(chance.between(100, 1000));
  if (!chance.happens(burstShare)) return;
  customers.burst(chance.between(5, 20), chance);
  await sleep(chance.between(0, 40));
}

/** What was done to a gateway. */
type Blow = {
  /** Whether the others take over its runs. */
  readonly isDeadly: boolean;
  /** Brings it back. */
  recovery(): Promise<void>;
};

async function strike(victim: GatewayProcess, { chance, deadAfterMs }: RoundDeps, owners: Owners): Promise<Blow> {
  if (chance.happens(pauseShare)) {
    victim.pause();
    const isDeadly = !chance.happens(shortPauseShare);
    const pauseMs = deadAfterMs * (isDeadly ? 1.2 + 1.3 * chance.next() : 0.7 * chance.next());
    const waking = sleep(pauseMs).then(() => victim.resume());
    return { isDeadly, recovery: () => waking };
  }
  const downMs = chance.between(0, deadAfterMs);
  await victim.kill();
  return {
    isDeadly: true,
    recovery: async () => {
      await sleep(downMs);
      await victim.start();
      await owners.identify(victim);
    },
  };
}

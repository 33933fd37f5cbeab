import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AuditDeps, audit, type Findings, settle } from './audit.ts';
import { Book } from './book.ts';
import { Chance } from './chance.ts';
import { Children } from './children.ts';
import { makeConfig } from './config.ts';
import { Copies } from './copies.ts';
import { Customers } from './customers.ts';
import { makeDatabase } from './database.ts';
import { Disturbances } from './disturbances.ts';
import { GatewayProcess } from './gateway-process.ts';
import { percentiles, RecoveryMeter } from './meter.ts';
import { Owners } from './owners.ts';
import { openPushRelay } from './push-relay.ts';
import { ReplicaSet } from './replica-set.ts';
import type { Report } from './report.ts';
import { hitReplicas, killAndRestart, leaveAlone, type RoundDeps, startByLink, startOnCopy } from './rounds.ts';
import { SandboxProcess } from './sandbox-process.ts';
import type { Settings } from './settings.ts';
import { maxWakeMs, Sleepers, sweepMs } from './sleepers.ts';
import { spoilStarts } from './start-faults.ts';

const lastStreamsMs = 15_000;
const maxReplays = 300;
const maxDetails = 10;
/** Of rounds, where runs sleep. */
const quietShare = 0.15;

/** Takes what must be undone, undoes it in reverse. */
type Undo = (() => Promise<void> | void)[];

/** Runs one torture from an empty database to its report. `say` gets lines about its progress; `signal` ends it early. */
export async function runTorture(
  settings: Settings,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Report> {
  const undo: Undo = [];
  try {
    return await torture(settings, say, signal, undo);
  } finally {
    const failures: unknown[] = [];
    for (const step of undo.toReversed()) {
      // One that fails must not keep the others from being undone.
      await Promise.resolve()
        .then(step)
        .catch((error: unknown) => failures.push(error));
    }
    for (const failure of failures) say(`not undone: ${String(failure)}`);
  }
}

async function torture(
  settings: Settings,
  say: (line: string) => void,
  stop: AbortSignal,
  undo: Undo,
): Promise<Report> {
  const begunMs = performance.now();
  const chanceOf = (name: string): Chance => new Chance(settings.seed, name);
  const deadAfterMs = settings.deadAfterSeconds * 1000;
  const folder = mkdtempSync(join(tmpdir(), 'rungate-torture-'));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  const database = await makeDatabase(settings, folder);
  undo.push(() => database.close());
  const children = new Children(folder);
  undo.push(() => children.endAll());
  const sandbox = await SandboxProcess.start(children);
  undo.push(() => sandbox.close());
  const configFile = join(folder, 'rungate.torture.yaml');
  const { intunedUrl, restackUrl, taggedUrl } = sandbox;
  const { deadAfterSeconds } = settings;
  let known: ReplicaSet | null = null;
  const relay = settings.pushes === 'yes' ? await openPushRelay(() => known, chanceOf('relay')) : null;
  undo.push(() => relay?.close());
  const publicUrl = relay?.url ?? null;
  const configOf = (storeUrl: string, notifyUrl?: string): string =>
    makeConfig({
      ...{ storeUrl, notifyUrl, intunedUrl, restackUrl, taggedUrl, deadAfterSeconds, publicUrl },
      hasSleepers: settings.parked > 0,
    });
  writeFileSync(configFile, configOf(database.url, database.notifyUrl));

  const names = Array.from({ length: settings.replicas }, (_, at) => `gateway-${at + 1}`);
  const replicaSet = new ReplicaSet(names.map((name) => new GatewayProcess(name, children, configFile)));
  known = replicaSet;
  const book = new Book();
  await replicaSet.startAll();
  // Owners are read from one server, which a failover takes away.
  const hasOwners = settings.replicas > 1 && database.failOver === undefined;
  const owners = hasOwners ? new Owners(database.notifyUrl ?? database.url, book, chanceOf('probes')) : null;
  if (owners !== null) {
    undo.push(() => owners.close());
    await owners.open();
    for (const gateway of replicaSet.gateways) await owners.identify(gateway);
  }

  const ended = new AbortController();
  undo.push(() => ended.abort());
  const signal = AbortSignal.any([ended.signal, stop]);
  const meter = new RecoveryMeter({ sandbox, replicaSet, book, chance: chanceOf('meter'), signal });
  const rules = { maxMs: settings.maxMs, namesRounds: settings.replicas === 1 };
  const customers = new Customers({ replicaSet, book, chanceOf, rules, signal });
  await customers.keepLive(settings.live);
  customers.start(settings.clients);
  const disturbances = new Disturbances();
  const maxWaitMs = settings.replicas > 1 ? maxWakeMs + sweepMs : maxWakeMs;
  const sleepers = new Sleepers({
    ...{ customers, replicaSet, book, sandbox, disturbances, chanceOf, signal },
    maxWakeMs: maxWaitMs,
  });
  sleepers.start(settings.parked);

  const copies = new Copies({
    ...{ folder, database, children, replicaSet, book, chance: chanceOf('copies') },
    configFor: (name, storeUrl) => {
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, configOf(storeUrl));
      return file;
    },
  });
  const deps: RoundDeps = { replicaSet, book, customers, meter, chance: chanceOf('rounds'), deadAfterMs };
  const spoiler = chanceOf('spoilt answers');
  let hits = 0;
  let spoilt = 0;
  let parked = 0;
  for (let round = 1; round <= settings.rounds; round += 1) {
    stop.throwIfAborted();
    spoilt += await spoilStarts(sandbox, spoiler);
    const kind = chanceOf(`round ${round}`).next();
    parked += await replicaSet.sumOf('runs_parked');
    const failsOver = database.failOver !== undefined && round === Math.ceil(settings.rounds / 2);
    const isQuiet = settings.parked > 0 && !failsOver && kind >= 1 - quietShare;
    const subside = isQuiet ? null : disturbances.begin(Date.now());
    if (failsOver) await database.failOver?.();
    if (isQuiet) await leaveAlone(deps);
    else if (kind < settings.copies) await startOnCopy(deps, copies);
    else if (kind < 2 * settings.copies && database.file !== null) await startByLink(deps, copies);
    else hits += owners === null ? await killAndRestart(deps) : await hitReplicas(deps, owners);
    subside?.(Date.now());
    if (round % 10 === 0)
      say(
        `round ${round} of ${settings.rounds}: ${book.all.length} runs, ${book.live.length} without an end that was seen`,
      );
  }

  const pushes = relay !== null;
  const auditParts: AuditDeps = { replicaSet, book, sandbox, chance: chanceOf('audit'), pushes, maxReplays };
  await replicaSet.startAll();
  const closing = Promise.all([customers.close(), sleepers.close()]);
  await settle(auditParts, stop);
  await Promise.race([closing, sleep(lastStreamsMs, undefined, { signal: ended.signal }).catch(() => {})]);
  ended.abort();
  await closing;
  stop.throwIfAborted();
  const findings = await audit(auditParts);
  const seconds = Math.round((performance.now() - begunMs) / 1000);
  return makeReport(settings, { book, replicaSet, copies, meter, findings, sleepers, hits, spoilt, parked, seconds });
}

function makeReport(
  { rounds, seed, store, replicas }: Settings,
  results: {
    readonly book: Book;
    readonly replicaSet: ReplicaSet;
    readonly meter: RecoveryMeter;
    readonly copies: Copies;
    readonly findings: Findings;
    readonly sleepers: Sleepers;
    readonly hits: number;
    readonly spoilt: number;
    /** Over all rounds. */
    readonly parked: number;
    readonly seconds: number;
  },
): Report {
  const { book, replicaSet, meter, copies, findings, sleepers } = results;
  const lists: readonly (readonly [name: string, lines: readonly string[]])[] = [
    ['lost', findings.lost],
    ['started twice', findings.startedTwice],
    ['stuck', findings.stuck],
    ['result lost', findings.resultsLost],
    ['wrong output', [...book.wrong.values()]],
    ['stream', [...book.gapped.values()]],
    ['unexpected', book.unexpected],
    ['died by itself', replicaSet.diedAlone],
    ['woken late', sleepers.late],
    ['recovery given up', meter.neglected],
  ];
  return {
    rounds,
    seed,
    store,
    replicas,
    acknowledged: findings.acknowledged,
    lost: findings.lost.length,
    'started twice': findings.startedTwice.length,
    stuck: findings.stuck.length,
    'wrong output': book.wrong.size,
    'streams with a gap or a repeat': book.gapped.size,
    'recovery p50/p99': percentiles(meter.samplesMs),
    'boot p50/p99': percentiles(replicaSet.bootsMs),
    'recovery samples': meter.samplesMs.length,
    'recovery given up': meter.neglected.length,
    "left to a vendor's call": meter.leftToCalls,
    'parked at a round': Math.round(results.parked / rounds),
    'woken in time': Object.entries(sleepers.inTime)
      .map(([waking, count]) => `${waking} ${count}`)
      .join(', '),
    'woken late': sleepers.late.length,
    'ended as unknown start': findings.unknownStarts,
    'results lost': findings.resultsLost.length,
    'starts with a spoilt answer': results.spoilt,
    'kills and pauses': results.hits,
    'copies and links refused': copies.refused,
    'copies observed': copies.observed,
    streams: book.streams,
    'streams cut': book.cuts,
    'creates without an answer': book.unanswered,
    'creates replayed': book.replays,
    'unexpected answers': book.unexpected.length,
    'died by itself': replicaSet.diedAlone.length,
    seconds: results.seconds,
    'load average': Math.round((loadavg()[1] ?? 0) * 10) / 10,
    details: lists.flatMap(([name, lines]) => lines.slice(0, maxDetails).map((line) => `${name}: ${line}`)),
  };
}

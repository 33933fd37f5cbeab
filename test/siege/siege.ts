import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeDatabase } from '../torture/database.ts';
import { attacks } from './attacks/index.ts';
import { Companion } from './companion.ts';
import { makeConfig, makeOpenConfig } from './config.ts';
import { GatewayChild } from './gateway-child.ts';
import type { PartReport } from './load.ts';
import type { Report, Row } from './report.ts';
import type { Settings } from './settings.ts';
import type { AttackOptions, AttackReport } from './site.ts';

const warmUpSeconds = 3;
const quietSeconds = 5;
/** Of all attacks at once, as many times as long as one. */
const allAtOnce = 2;
/** What an attack may take on top of its time, because its last answers are awaited. */
const attackPatienceMs = 45_000;
/** No attack begins later, so that a siege of walls that do not hold ends as well. */
const lastBeginMs = 220_000;

/** What was started, undone in reverse. */
type Undo = (() => unknown)[];

/** Carries out one siege from an empty store to its report. `say` gets lines about its progress; `signal` ends it. */
export async function runSiege(settings: Settings, say: (line: string) => void, signal: AbortSignal): Promise<Report> {
  const undo: Undo = [];
  try {
    return await Promise.race([besiege(settings, say, undo, signal), rejectAt(signal)]);
  } finally {
    for (const step of undo.toReversed()) {
      // One that fails must not keep the others from being undone.
      await Promise.resolve()
        .then(step)
        .catch((error: unknown) => say(`not undone: ${String(error)}`));
    }
  }
}

function rejectAt(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

async function besiege(
  settings: Settings,
  say: (line: string) => void,
  undo: Undo,
  signal: AbortSignal,
): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-siege-'));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  const database = await makeDatabase(settings, folder);
  undo.push(() => database.close());
  const start = (file: string): Companion => {
    signal.throwIfAborted();
    const companion = new Companion(file);
    undo.push(() => companion.end());
    return companion;
  };
  const vendor = start('./vendor.ts');
  const vendorUrl = await vendor.ask<string>('listen');
  const config = makeConfig({ storeUrl: database.url, vendorUrl });
  const gateway = await GatewayChild.start('gateway', folder, { config, imports: settings.imports });
  undo.push(() => gateway.end());
  const open = await GatewayChild.start('open', folder, { config: makeOpenConfig({ vendorUrl }) });
  undo.push(() => open.end());
  const load = start('./load.ts');
  const attackWithPatience = async (name: string, seconds: number): Promise<AttackReport> => {
    const attacker = start('./attacker.ts');
    const attacked = attacker.ask<AttackReport>('attack', optionsOf(name, seconds));
    const tooLate = delay(seconds * 1000 + attackPatienceMs, null, { signal, ref: false });
    const report = await Promise.race([attacked, tooLate]);
    attacked.catch(() => {});
    await attacker.end();
    return report ?? { sent: 0, faults: ['the attack was not answered to its end'] };
  };
  const { pid, clockFile, logFile } = gateway;
  const place = { url: gateway.url, openUrl: open.url, vendorUrl, storeUrl: database.url };
  const optionsOf = (name: string, seconds: number): AttackOptions => ({
    ...place,
    name,
    seconds,
    gateway: { pid, clockFile, logFile },
    isShort: settings.isShort,
  });

  await load.ask('start', { url: gateway.url });
  const pass = async (name: string, seconds: number): Promise<void> => {
    await load.ask('enter', name);
    await delay(settings.isShort ? 200 : seconds * 1000, undefined, { signal });
  };
  await pass('warm-up', warmUpSeconds);

  const begunMs = performance.now();
  const faults: string[] = [];
  const rows: Row[] = [];
  const attackWith = async (
    attack: string,
    title: string,
    names: readonly string[],
    seconds: number,
  ): Promise<void> => {
    if (gateway.hasEnded) return;
    if (performance.now() - begunMs > lastBeginMs) {
      faults.push(`no time was left for ${attack}`);
      return;
    }
    await pass(`quiet ${attack}`, quietSeconds);
    gateway.resetPeak();
    await gateway.longestTurnMs();
    await load.ask('enter', `under ${attack}`);
    const reports = await Promise.all(names.map((name) => attackWithPatience(name, seconds)));
    const peakMb = gateway.peakMb();
    const longestTurnMs = await gateway.longestTurnMs();
    await load.ask('enter', 'between');
    const quiet = await load.ask<PartReport>('report', `quiet ${attack}`);
    const under = await load.ask<PartReport>('report', `under ${attack}`);
    const unlike = reports.flatMap((report, at) =>
      report.faults.map((words) => (names.length > 1 ? `${names[at]}: ${words}` : words)),
    );
    const sent = reports.reduce((sum, report) => sum + report.sent, 0);
    rows.push({ attack, title, quiet, under, peakMb, longestTurnMs, sent, faults: unlike });
    say(
      `${attack} ${title}: ${unlike.length} faults, p99 ${quiet.p99Ms.toFixed(1)} and ${under.p99Ms.toFixed(1)} ms, ${peakMb} MiB, turns of ${longestTurnMs.toFixed(0)} ms`,
    );
  };
  if (!settings.isShort) {
    for (const name of settings.only) {
      await attackWith(name, attacks[name]?.title ?? '', [name], settings.seconds);
    }
  }
  if (settings.isShort || settings.only.length > 1) {
    await attackWith('all', 'all of them at once', settings.only, allAtOnce * settings.seconds);
  }

  if (gateway.hasEnded) faults.push('the gateway ended');
  else {
    await load.ask('stop');
    const missing = await load.ask<readonly string[]>('missing');
    for (const words of missing.slice(0, 10)) faults.push(`a run of others is gone: ${words}`);
  }
  const twice = await vendor.ask<readonly string[]>('startedTwice');
  for (const key of twice.slice(0, 10)) faults.push(`a run of others was started twice: ${key}`);
  return { store: settings.store, rows, faults };
}

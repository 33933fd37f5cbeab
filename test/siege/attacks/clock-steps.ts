import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Site } from '../site.ts';

const minute = 60_000;
/** From the true time. The last is none, so that the parts that follow have the right clock. */
const stepsMs = [-minute, 2 * minute, -60 * minute, 60 * minute, -25 * 60 * minute, 0];
const promptMs = 6000;

/** A8: the wall clock of the gateway is stepped under live runs, which go on and end as they would have. */
export async function stepTheClock(site: Site): Promise<void> {
  const steps = site.isShort ? [-60 * minute, 60 * minute, 0] : stepsMs;
  const waitMs = site.isShort ? 100 : Math.max(200, (site.seconds * 1000) / steps.length - 1500);
  try {
    for (const stepMs of steps) {
      const ids: (string | null)[] = [];
      for (let n = 0; n < 4; n += 1)
        ids.push(await site.create('patient', { n: `stepped-${stepMs}-${n}`, ms: 500 + n * 200 }));
      await step(site, stepMs);
      for (const id of ids) {
        const outcome = id === null ? null : await site.outcome(id, { withinMs: promptMs });
        if (outcome !== null && !outcome.includes('"success"')) {
          site.fault(`a run over a step to ${stepMs / minute} minutes: ${outcome.slice(0, 200)}`);
        }
      }
      await delay(waitMs);
    }
  } finally {
    await step(site, 0);
  }
}

/** Resolves once the gateway has the time. */
async function step(site: Site, stepMs: number): Promise<void> {
  const { pid, clockFile } = site.gateway;
  site.count();
  writeFileSync(clockFile, String(stepMs));
  process.kill(pid, 'SIGUSR2');
  const untilMs = performance.now() + 5000;
  while (readFileSync(clockFile, 'utf8') !== '') {
    if (performance.now() > untilMs) return site.fault('the gateway took no step of the clock within 5 s');
    await delay(5);
  }
}

import type { ScheduleReport } from '../../contract/api/admin-reports.ts';
import type { CreateRun } from '../../contract/api/runs.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { Fire, Schedule } from '../../contract/domain/schedule.ts';
import type { ScheduleKey, ScheduleRow } from '../../contract/store/schedule-store.ts';
import type { Store } from '../../contract/store/store.ts';
import type { CreationOutcome } from '../api/create-run.ts';
import { repeat } from '../sleeper.ts';

export type SchedulerDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Those of the config in force. */
  readonly schedules: () => readonly Schedule[];
  /** Rejects with `GatewayError` for a run that cannot be made, and with `StorageFault`. */
  readonly create: (command: CreateRun) => Promise<CreationOutcome>;
  /** Whether operators drain this replica: then the others fire. */
  readonly isDraining: () => boolean;
};

/** A time that has come, with how far the schedule is and what there is of others of its name. */
type Due = { readonly atMs: number; readonly row: ScheduleRow; readonly rows: readonly ScheduleRow[] };

/** A time that is decided later than this was missed: a restart takes less. */
const graceMs = 60_000;
/** The store is read again this often although nothing is due, because the wall clock may be set. */
const maxSleepMs = 30_000;
/** After a fault of the store, and while a run waits for the end of another. */
const retryMs = 2000;
/** Replicas look at a time this far apart at most, so that most of them find it decided. */
const maxSpreadMs = 500;
/** A time is remembered for this long after the next one, which is when it can be decided no more. */
const keptMs = 86_400_000;
/** A schedule that the config has no more, or whose times were changed, is forgotten after this long. */
const forgetAfterMs = 30 * 86_400_000;

/** Under which the metadata of a run names its schedule. */
const scheduleMark = 'rungate.schedule';

/**
 * Makes runs at the times of schedules. Every replica decides every time; the store lets one of them make its run: the run and
 * the name of the time are written in one transaction. So a replica that dies before it has recorded what became of a time
 * leaves it to the next one, which finds the run.
 */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  #end: () => Promise<unknown> = () => Promise.resolve();
  /** The first time after the last decided one. */
  readonly #next = new WeakMap<Schedule, { readonly decidedMs: number; readonly nextMs: number | null }>();
  #isUnavailable = false;
  #isStopped = false;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Looks at all schedules now, and at each when it is due: at the start, and when the config has changed. */
  wake(): void {
    if (this.#isStopped) return;
    const former = this.#end();
    const stop = repeat(this.#deps.clock, 0, () => this.#turn());
    this.#end = () => Promise.all([former, stop()]);
  }

  /** How each schedule of the config in force stands. Rejects with `StorageFault`. */
  async report(): Promise<readonly ScheduleReport[]> {
    const { schedules, store, clock } = this.#deps;
    const rows = new Map((await store.schedules.list()).map((row) => [`${row.name} ${row.times}`, row]));
    return schedules().map(({ times, input: _, config: _config, metadata: _metadata, ...schedule }) => {
      const { name, cron, timeZone, enabled } = schedule;
      const row = rows.get(`${name} ${timesOf({ cron, timeZone })}`);
      const nextMs = enabled ? times.next(clock.nowMs()) : null;
      return { ...schedule, nextMs, waitingMs: row?.waitingMs ?? null, last: row?.last ?? null };
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#end();
  }

  /** Resolves with the milliseconds until the next turn. */
  async #turn(): Promise<number> {
    const { schedules, store, isDraining, log } = this.#deps;
    const all = schedules();
    if (all.length === 0 || isDraining()) return maxSleepMs;
    try {
      const rows = await store.schedules.list();
      const nextMs = await Promise.all(all.map((schedule) => this.#look(schedule, rows)));
      await this.#forget(rows, all);
      this.#isUnavailable = false;
      return this.#untilMs(Math.min(...nextMs.map((ms) => ms ?? Number.POSITIVE_INFINITY)));
    } catch (error) {
      if (!this.#isUnavailable) log.warn({ err: error }, 'store unavailable; schedules are looked at again later');
      this.#isUnavailable = true;
      return retryMs;
    }
  }

  #untilMs(nextMs: number): number {
    const { clock, store } = this.#deps;
    const spreadMs = store.shared ? Math.floor(clock.random() * maxSpreadMs) : 0;
    return Math.min(Math.max(nextMs - clock.nowMs(), 0) + spreadMs, maxSleepMs);
  }

  /** Decides the latest time of a schedule that has come. Resolves with the time to look again; null: none comes. */
  async #look(schedule: Schedule, rows: readonly ScheduleRow[]): Promise<number | null> {
    const { store, clock } = this.#deps;
    const key = keyOf(schedule);
    const row = rows.find(({ name, times }) => name === key.name && times === key.times);
    const nowMs = clock.nowMs();
    if (row === undefined) {
      await store.schedules.begin(key, nowMs);
      return schedule.times.next(nowMs);
    }
    const dueMs = this.#nextAfter(schedule, row.decidedMs);
    if (dueMs === null || dueMs > nowMs) return dueMs;
    const atMs = schedule.times.latest(nowMs) ?? dueMs;
    return (await this.#settle(schedule, { atMs, row, rows })) ? schedule.times.next(atMs) : nowMs + retryMs;
  }

  /** Most looks at a schedule find nothing due, and then its expression is not evaluated. */
  #nextAfter(schedule: Schedule, decidedMs: number): number | null {
    const known = this.#next.get(schedule);
    if (known?.decidedMs === decidedMs) return known.nextMs;
    const nextMs = schedule.times.next(decidedMs);
    this.#next.set(schedule, { decidedMs, nextMs });
    return nextMs;
  }

  /** False: the time waits for the end of a run. */
  async #settle(schedule: Schedule, { atMs, row, rows }: Due): Promise<boolean> {
    const { store, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const isMissed = row.waitingMs === null && nowMs - atMs > graceMs;
    if (!schedule.enabled) return await this.#decide(schedule, { atMs, outcome: 'disabled' });
    if (isMissed && schedule.missed === 'skip') return await this.#decide(schedule, { atMs, outcome: 'missed' });
    if (schedule.overlap !== 'allow') {
      const live = await this.#findLive(rows.filter(({ name }) => name === schedule.name));
      if (live !== null && schedule.overlap === 'skip')
        return await this.#decide(schedule, { atMs, outcome: 'overlapped', detail: `run ${live} is live` });
      if (live !== null) {
        await store.schedules.wait(keyOf(schedule), atMs);
        return false;
      }
    }
    return await this.#fire(schedule, atMs);
  }

  /** A run that the schedule made and that has not ended, by its newest run under each of its times. */
  async #findLive(rows: readonly ScheduleRow[]): Promise<string | null> {
    for (const { lastRunId } of rows) {
      const run = lastRunId === null ? null : await this.#deps.store.findOfAnyTenant(lastRunId);
      if (run !== null && run.phase !== 'done') return run.runId;
    }
    return null;
  }

  async #fire(schedule: Schedule, atMs: number): Promise<true> {
    const { create, clock } = this.#deps;
    const { name, tenant, agent, input, config, metadata, times } = schedule;
    const keptUntilMs = Math.max(times.next(atMs) ?? atMs, clock.nowMs()) + keptMs;
    const request = { input, config, metadata: { ...metadata, [scheduleMark]: name } };
    try {
      const made = await create({ tenant, agent, request, fire: { schedule: name, atMs, keptUntilMs } });
      const runId = made.kind === 'new' ? made.run.runId : made.runId;
      return await this.#decide(schedule, { atMs, outcome: 'started', runId });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const detail = error.detail === undefined ? error.code : `${error.code}: ${error.detail}`;
      return await this.#decide(schedule, { atMs, outcome: 'refused', detail });
    }
  }

  async #decide(
    schedule: Schedule,
    { atMs, outcome, runId = null, detail = null }: Pick<Fire, 'atMs' | 'outcome'> & Partial<Fire>,
  ): Promise<true> {
    const { store, log, metrics } = this.#deps;
    // Another replica may have been faster.
    if (!(await store.schedules.decide(keyOf(schedule), { atMs, outcome, runId, detail }))) return true;
    const { name, agent, tenant } = schedule;
    metrics.count('schedule_fires', { schedule: name, outcome });
    const at = new Date(atMs).toISOString();
    const fields = {
      schedule: name,
      at,
      agent,
      tenant,
      outcome,
      run_id: runId ?? undefined,
      reason: detail ?? undefined,
    };
    if (outcome === 'started' || outcome === 'disabled') log.info(fields, 'schedule fired');
    else log.warn(fields, 'schedule made no run');
    return true;
  }

  async #forget(rows: readonly ScheduleRow[], all: readonly Schedule[]): Promise<void> {
    const { store, clock } = this.#deps;
    const inForce = new Set(all.map((schedule) => JSON.stringify(keyOf(schedule))));
    const beforeMs = clock.nowMs() - forgetAfterMs;
    const gone = rows
      .filter(({ decidedMs }) => decidedMs < beforeMs)
      .map(({ name, times }) => ({ name, times }))
      .filter((key) => !inForce.has(JSON.stringify(key)));
    if (gone.length > 0) await store.schedules.forget(gone);
  }
}

/** Names a schedule in the store. */
function keyOf(schedule: Schedule): ScheduleKey {
  return { name: schedule.name, times: timesOf(schedule) };
}

function timesOf({ cron, timeZone }: Pick<Schedule, 'cron' | 'timeZone'>): string {
  return `${cron} ${timeZone}`;
}

import { z } from 'zod';
import { type Fire, fireOutcomes } from '../contract/domain/schedule.ts';
import type { ScheduleRow } from '../contract/store/schedule-store.ts';

const fire = z.object({
  atMs: z.number(),
  outcome: z.enum(fireOutcomes),
  runId: z.string().nullable(),
  detail: z.string().nullable(),
} satisfies Record<keyof Fire, z.ZodType>);

const scheduleRow = z
  .object({
    name: z.string(),
    times: z.string(),
    decided_ms: z.number(),
    waiting_ms: z.number().nullable(),
    last: z.string().nullable(),
    last_run_id: z.string().nullable(),
  })
  .transform(
    ({ name, times, decided_ms: decidedMs, waiting_ms: waitingMs, last, last_run_id: lastRunId }): ScheduleRow => ({
      ...{ name, times, decidedMs, waitingMs, lastRunId },
      // Null for one that another version wrote in another way.
      last: last === null ? null : (fire.safeParse(JSON.parse(last)).data ?? null),
    }),
  );

export const scheduleRows = z.array(scheduleRow);
export const selectSchedules =
  'SELECT name, times, decided_ms, waiting_ms, last, last_run_id FROM schedules ORDER BY name';

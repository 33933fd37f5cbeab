import { z } from 'zod';
import type { BulkCommand, RunSelection } from '../../contract/api/admin.ts';
import { adminBounds } from '../../contract/api/admin.ts';
import { stopKinds } from '../../contract/domain/operator.ts';
import { runPhases, runStatuses } from '../../contract/domain/run.ts';
import { deliveryStates } from '../../contract/domain/webhook.ts';
import { json, jsonObject, uuid, wholeNumberOr } from '../shared/requests.ts';

const name = z.string().min(1).max(256);
const text = z.string().min(1).max(adminBounds.textLength);

/** Such as `90s`, `10m`, `2h` or `7d`; a number alone is seconds. Gives milliseconds. */
export const duration = z
  .string({ error: 'must be given once' })
  .regex(/^\d{1,7}[smhd]?$/, 'must be a duration such as 90s, 10m, 2h or 7d')
  .transform((written) => Number.parseInt(written, 10) * unitMs(written));

function unitMs(written: string): number {
  const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
  const unit = written.at(-1) ?? 's';
  return unit in units ? units[unit as keyof typeof units] : units.s;
}

/** One value or several, separated by commas or given several times. */
function listOf<Item extends z.ZodType>(item: Item, max = 20) {
  return z
    .preprocess(
      (given) =>
        typeof given === 'string'
          ? given.split(',')
          : Array.isArray(given)
            ? given.flatMap((each: unknown) => (typeof each === 'string' ? each.split(',') : [each]))
            : given,
      z.array(item).min(1).max(max),
    )
    .optional();
}

const phase = z.enum(runPhases);
const status = z.enum(runStatuses);
const errcode = z.coerce.number().int().min(1).max(9999);
const flag = z
  .enum(['true', 'false'])
  .transform((given) => given === 'true')
  .optional();

/** In a query, where everything is text. */
const queryFilter = {
  tenant: name.optional(),
  agent: name.optional(),
  backend: name.optional(),
  phase: listOf(phase),
  status: listOf(status),
  errcode: listOf(errcode),
  owner: name.optional(),
  older_than: duration.optional(),
  younger_than: duration.optional(),
  thread_id: name.optional(),
  live: flag,
  vendor_id: z.string().min(1).max(512).optional(),
  text: text.optional(),
};

/** The same in a body. */
const bodyFilter = z.strictObject({
  ...queryFilter,
  phase: z.array(phase).min(1).max(20).optional(),
  status: z.array(status).min(1).max(20).optional(),
  errcode: z.array(z.int().min(1).max(9999)).min(1).max(20).optional(),
  live: z.boolean().optional(),
});

export const runList = z.strictObject({
  ...queryFilter,
  run_id: listOf(uuid, adminBounds.ids),
  limit: wholeNumberOr(50, { minimum: 1, maximum: adminBounds.pageSize }),
  cursor: uuid.optional(),
});

export const runCount = z.strictObject(queryFilter);

export const reveal = z.strictObject({ reveal: listOf(z.enum(['input', 'output'])) });

export const bulk = z
  .strictObject({
    run_ids: z.array(uuid).min(1).max(adminBounds.bulk).optional(),
    filter: bodyFilter.optional(),
    dry_run: z.boolean().default(false),
    max: z.int().min(1).max(adminBounds.bulk).default(100),
  })
  .refine(({ run_ids, filter }) => (run_ids === undefined) !== (filter === undefined), {
    path: ['run_ids'],
    message: 'or filter is required, and not both',
  })
  .refine(({ filter }) => filter === undefined || Object.values(filter).some((value) => value !== undefined), {
    path: ['filter'],
    message: 'must name something: an empty one would mean every run',
  });

export const deliveryList = z.strictObject({
  run_id: uuid.optional(),
  state: listOf(z.enum(deliveryStates)),
  limit: wholeNumberOr(100, { minimum: 1, maximum: adminBounds.deliveries }),
});

const owed = z.enum(deliveryStates).exclude(['delivered']);
export const redrive = z.strictObject({
  run_id: uuid.optional(),
  state: z.array(owed).min(1).max(3).default(['failed', 'stopped']),
});

const reason = z.string().trim().min(1).max(adminBounds.reasonLength);
export const pause = z.strictObject({ reason });
export const stop = z.strictObject({ kind: z.enum(stopKinds), name, reason });
export const stopParams = z.object({ kind: z.enum(stopKinds), name });
export const nameParams = z.object({ name });
export const replicaParams = z.object({ replica: name });

export const debugLog = z.strictObject({
  run_id: uuid.optional(),
  seconds: z.number().int().min(0).max(adminBounds.debugLogSeconds).default(300),
});

export const configQuery = z.strictObject({ compare: flag });
/** `text`: the config to check in place of the file. */
export const configText = z.strictObject({ text: z.string().min(1).max(1_000_000).optional() }).optional();

export const manualRun = z.strictObject({
  input: json.optional(),
  config: jsonObject.optional(),
  tenant: name.optional(),
});
export const mappingTrial = z.strictObject({
  agent: name,
  status: z.string().max(256).describe("The vendor's word for the status"),
  raw: json.describe("The vendor's answer"),
  mapping: jsonObject.default({}).describe('Parts that are laid over the mapping of the agent'),
});
export const answerOfRun = z.strictObject({ payload: json });

type Filter = Partial<z.output<typeof runCount>>;

export function selectionOf(filter: Filter): RunSelection {
  return {
    ...{ tenant: filter.tenant, agent: filter.agent, backend: filter.backend, owner: filter.owner, text: filter.text },
    ...{ phases: filter.phase, statuses: filter.status, errcodes: filter.errcode, threadId: filter.thread_id },
    ...{ olderThanMs: filter.older_than, youngerThanMs: filter.younger_than, isLive: filter.live },
    vendorId: filter.vendor_id,
  };
}

export function commandOf({ run_ids, filter, dry_run, max }: z.output<typeof bulk>): BulkCommand {
  return {
    runIds: run_ids ?? null,
    selection: filter === undefined ? null : selectionOf(filter),
    isDryRun: dry_run,
    max,
  };
}

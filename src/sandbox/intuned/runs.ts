import { z } from 'zod';
import type { JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { findScript } from '../agents.ts';
import type { Ids } from '../ids.ts';
import type { RunTable } from '../run-table.ts';
import { isLoopback, type WebhookSink } from '../webhook-sink.ts';
import type { Reply } from '../wire-host.ts';
import { describe, fail } from './errors.ts';
import { encodeDelivery, encodeResult } from './result.ts';

const webhook = z.looseObject({
  type: z.literal('webhook'),
  url: z.httpUrl().or(z.url({ protocol: /^https?$/ })),
  headers: z.record(z.string(), z.string()).default({}),
  skipOnFail: z.boolean().default(false),
  apisToSend: z.array(z.string()).optional(),
});

const startBody = z.looseObject({
  api: z.string().min(1),
  // Already parsed from JSON: only its kind needs a check.
  parameters: z.custom<JsonObject>(isJsonObject, 'must be an object'),
  retry: z.looseObject({ maximumAttempts: z.int().positive().optional() }).optional(),
  requestTimeout: z.number().positive().optional(),
  proxy: z.unknown().optional(),
  saveTrace: z.boolean().optional(),
  authSession: z
    .looseObject({ id: z.string().optional(), runtimeInput: z.custom(isJsonObject, 'must be an object').optional() })
    .optional(),
  // An S3 sink is accepted and never written: the sandbox reaches nothing outside this machine.
  sink: webhook.or(z.looseObject({ type: z.literal('s3') })).optional(),
});
type StartBody = z.infer<typeof startBody>;

export type RunsDeps = { readonly runs: RunTable; readonly ids: Ids; readonly sink: WebhookSink };

export type Project = { readonly workspaceId: string; readonly project: string };

/** Standalone runs of the APIs of a project. */
export function intunedRuns({ runs, ids, sink }: RunsDeps) {
  function start({ workspaceId, project }: Project, body: unknown): Reply {
    const parsed = startBody.safeParse(body);
    if (!parsed.success) return fail(400, describe(parsed.error));
    const { api, parameters, authSession } = parsed.data;
    const target = readWebhook(parsed.data);
    if (target !== null && !isLoopback(target.url)) return fail(400, 'sink.url: the sandbox calls this machine only');
    const script = findScript('api', api);
    if (script === null) return fail(404, `the project has no API ${api}`);
    const order = { vendor: 'intuned', scope: scopeOf(workspaceId, project), agent: api, script } as const;
    const { run, fault } = runs.start({ ...order, input: parameters, runId: ids.nanoId(), groupId: '' });
    if (run === null) return { ...fail(500, 'not started'), fault };
    if (target !== null) {
      const place = { workspaceId, project, api, authSessionId: authSession?.id };
      sink.watch(run, target.url, target.headers, (view) =>
        view.kind === 'failed' && target.skipOnFail ? null : encodeDelivery(run, place, view),
      );
    }
    return { status: 201, body: { runId: run.runId, status: 'pending' }, fault };
  }

  function observe({ workspaceId, project }: Project, runId: string): Reply {
    const run = runs.find('intuned', scopeOf(workspaceId, project), runId);
    if (run === null) return fail(404, 'run not found');
    const { view, fault } = runs.observe(run);
    const answer = encodeResult(run, view);
    return answer === null ? { ...fail(404, 'run not found'), fault } : { status: 200, body: answer, fault };
  }

  return { start, observe };
}

function scopeOf(workspaceId: string, project: string): string {
  return `${workspaceId}\n${project}`;
}

function readWebhook({ api, sink }: StartBody): z.infer<typeof webhook> | null {
  const parsed = webhook.safeParse(sink);
  if (!parsed.success) return null;
  return parsed.data.apisToSend?.includes(api) === false ? null : parsed.data;
}

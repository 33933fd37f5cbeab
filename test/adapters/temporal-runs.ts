import { randomUUID } from 'node:crypto';
import { temporal } from '../../adapters/temporal/adapter.ts';
import type { Connection, Observation } from '../../src/contract/adapter/adapter.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import type { Upstream } from '../../src/upstream/connect.ts';
import { namespace, type PlanName, plans, taskQueue } from './temporal-contract.ts';

export type RunProbe = {
  readonly name: string;
  readonly expected: Json;
  readonly run: (connection: Connection) => Promise<Json>;
};

/** The adapter as the engine has it, on a frontend that any of the wires leads to. */
export function connectTemporal({ client }: Upstream, transport: 'grpc' | 'http'): Connection {
  const settings = temporal.settings.parse({ transport, namespace });
  return temporal.connect(settings, client, createExpressionCompiler());
}

/** What the adapter makes of the answers of any frontend of Temporal. */
export const runProbes: readonly RunProbe[] = [
  {
    name: 'the adapter starts one run however often it starts it, and sees that it runs',
    expected: { isSame: true, status: 'RUNNING' },
    async run(connection) {
      const runId = randomUUID();
      const [first, second] = [await start(connection, 'Idle', runId), await start(connection, 'Idle', runId)];
      const { status } = await connection.observe(targetOf('Idle'), second);
      return { isSame: first.runId === second.runId && first.workflowId === second.workflowId, status };
    },
  },
  {
    name: 'the adapter attends a run to its result, and reads the same later',
    expected: { attended: ['COMPLETED', { greeting: 'Hi' }], observed: ['COMPLETED', { greeting: 'Hi' }] },
    async run(connection) {
      const upstream = await start(connection, 'Complete');
      const attended = (await connection.attend?.(targetOf('Complete'), upstream)) ?? null;
      const observed = await connection.observe(targetOf('Complete'), upstream);
      return {
        attended: [attended?.status ?? null, memberOf(attended, 'result')],
        observed: [observed.status, memberOf(observed, 'result')],
      };
    },
  },
  {
    name: 'the adapter tells the innermost message of a failure',
    expected: { status: 'FAILED', message: 'step said no' },
    async run(connection) {
      const upstream = await start(connection, 'Fail');
      const seen = (await connection.attend?.(targetOf('Fail'), upstream)) ?? null;
      const failure = memberOf(seen, 'failure');
      return { status: seen?.status ?? null, message: isJsonObject(failure) ? (failure.message ?? null) : null };
    },
  },
  {
    name: 'the adapter follows a run that continues as new',
    expected: { status: 'RUNNING', isNext: true },
    async run(connection) {
      const upstream = await start(connection, 'Again');
      const deadlineMs = performance.now() + 10_000;
      for (;;) {
        const { status, raw } = await connection.observe(targetOf('Again'), upstream);
        const isNext = isJsonObject(raw) && raw.runId !== upstream.runId;
        if (isNext || performance.now() > deadlineMs) return { status, isNext };
      }
    },
  },
  {
    name: 'the adapter terminates a run that its cancel does not end',
    expected: { afterCancel: 'RUNNING', status: 'TERMINATED', reason: 'cancelled by rungate' },
    async run(connection) {
      const upstream = await start(connection, 'Idle');
      await connection.cancel?.(targetOf('Idle'), upstream);
      const { status: afterCancel } = await connection.observe(targetOf('Idle'), upstream);
      await connection.termination?.terminate(targetOf('Idle'), upstream);
      const seen = await connection.observe(targetOf('Idle'), upstream);
      return { afterCancel, status: seen.status, reason: memberOf(seen, 'reason') };
    },
  },
  {
    name: 'the adapter takes a run that is not there for gone',
    expected: { consequence: 'gone' },
    async run(connection) {
      const workflowId = `rungate-${randomUUID()}`;
      const fault: unknown = await connection
        .observe(targetOf('Idle'), { runId: workflowId, workflowId })
        .catch((reason: unknown) => reason);
      return { consequence: fault instanceof UpstreamFault ? fault.consequence : null };
    },
  },
];

function targetOf(workflow: PlanName): unknown {
  return temporal.target.parse({ workflow, taskQueue });
}

async function start(connection: Connection, type: PlanName, runId: string = randomUUID()): Promise<UpstreamRef> {
  const request = { target: targetOf(type), input: plans[type], config: {}, runId };
  const { upstream } = await connection.start(request);
  if (upstream === null) throw new Error('the start names no run');
  return upstream;
}

function memberOf(seen: Observation | null, member: string): Json {
  return isJsonObject(seen?.raw) ? (seen.raw[member] ?? null) : null;
}

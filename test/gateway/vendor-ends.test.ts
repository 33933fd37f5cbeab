import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { openSite, type Site, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

let intuned: IntunedStandIn;
let restack: RestackStandIn;
let site: Site;

/** What a vendor answers is in the input of the run. */
const planOf = (input: Json): JsonObject =>
  isJsonObject(input) && isJsonObject(input.plan ?? null) ? (input.plan as JsonObject) : {};

beforeAll(async () => {
  [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  intuned.plan = ({ body }) => planOf(isJsonObject(body) ? (body.parameters ?? null) : null);
  restack.plan = ({ body }) => planOf(isJsonObject(body) ? (body.input ?? null) : null);
  const patient = { timeoutSeconds: 30 };
  site = await openSite({
    intuned,
    restack,
    agents: [
      { ...scraper, ...patient },
      { ...support, ...patient },
    ],
  });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await intuned[Symbol.asyncDispose]();
  await restack[Symbol.asyncDispose]();
});

async function outcomeOf(agent: string, plan: JsonObject): Promise<JsonObject> {
  const { run_id } = await site.client.create({ agent_id: agent, input: { plan } });
  return (await site.client.output(run_id)) as JsonObject;
}

const errcodes = {
  'internal-server-error': 2011,
  unexpected: 2012,
  'script-timeout': 2021,
  'script-process-crashed': 2022,
  'all-attempts-failed': 2023,
  'result-too-big-error': 2024,
  'script-execution-exception': 2025,
  'script-no-valid-output-received': 2026,
  'script-unexpected-error': 2027,
  'api-attempts-failed': 2028,
  'auth-check-failed': 2031,
  'check-attempts-failed': 2032,
  'create-attempts-failed': 2033,
  'post-create-check-attempts-failed': 2034,
  'onepassword-integration-error': 2035,
  'job-run-terminated': 2104,
};

const reasons = {
  'auth-session-validate-dependency-failed': 2101,
  terminated: 2102,
  'job-run-paused': 2103,
  'job-run-terminated': 2104,
  'failed-to-initialize-job-run': 2105,
  'api-access-disabled': 2106,
  'cancelled-user-action': 2107,
};

describe('a run at Intuned', () => {
  test.each(Object.entries(errcodes))(
    'a run at Intuned that failed with %s ends with %i, at once',
    async (code, errcode) => {
      const error = { message: `it was ${code}`, code, category: 'execution', retirable: true };
      const status = code === 'script-timeout' ? 'timeout' : 'error';
      expect(await outcomeOf('price-scraper', { status: 'failed', error })).toMatchObject({
        type: 'error',
        status,
        errcode,
        description: `it was ${code}`,
      });
    },
  );

  test.each(Object.entries(reasons))(
    'a run at Intuned that was canceled for %s ends with %i',
    async (type, errcode) => {
      const reason = { type, message: `because of ${type}` };
      expect(await outcomeOf('price-scraper', { status: 'canceled', reason })).toMatchObject({
        errcode,
        description: `because of ${type}`,
      });
    },
  );
});

/** The shapes in which an engine may say that a run is over. */
const shapes: readonly (readonly [JsonObject, JsonObject])[] = [
  [
    { status: 'completed', output: { r: 1 } },
    { type: 'result', result: { r: 1 } },
  ],
  [
    { status: 'COMPLETED', output: { r: 1 } },
    { type: 'result', result: { r: 1 } },
  ],
  [
    { status: 'completed', result: { r: 1 } },
    { type: 'result', result: { r: 1 } },
  ],
  [
    { status: 'COMPLETED', result: { r: 1 } },
    { type: 'result', result: { r: 1 } },
  ],
  [
    { status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED', output: { r: 1 } },
    { type: 'result', result: { r: 1 } },
  ],
  [
    { status: 2, output: { r: 1 } },
    { type: 'result', result: { r: 1 } },
  ],
  [
    { status: 'failed', error: 'boom' },
    { errcode: 3000, description: 'boom', status: 'error' },
  ],
  [
    { status: 'failed', error: { message: 'boom' } },
    { errcode: 3000, description: 'boom' },
  ],
  [
    { status: 'FAILED', error: 'boom' },
    { errcode: 3000, description: 'boom' },
  ],
  [{ status: 'WORKFLOW_EXECUTION_STATUS_FAILED', failure: { message: 'boom' } }, { errcode: 3000 }],
  [{ status: 'CANCELED' }, { errcode: 3001, status: 'error' }],
  [{ status: 'canceled' }, { errcode: 3001 }],
  [{ status: 'cancelled' }, { errcode: 3001 }],
  [{ status: 'WORKFLOW_EXECUTION_STATUS_CANCELED' }, { errcode: 3001 }],
  [
    { status: 'TERMINATED', error: 'by hand' },
    { errcode: 3002, description: 'by hand', status: 'error' },
  ],
  [{ status: 'WORKFLOW_EXECUTION_STATUS_TERMINATED' }, { errcode: 3002 }],
  [{ status: 'TIMED_OUT' }, { errcode: 3003, status: 'timeout' }],
  [
    { status: 'timed_out', error: { message: 'slow' } },
    { errcode: 3003, description: 'slow', status: 'timeout' },
  ],
  [{ status: 'WORKFLOW_EXECUTION_STATUS_TIMED_OUT' }, { errcode: 3003, status: 'timeout' }],
];

test.each(shapes)('an engine of Restack that answers %j ends the run as %j', async (plan, outcome) => {
  expect(await outcomeOf('support', plan)).toMatchObject(outcome);
});

test.each(['RUNNING', 'CONTINUED_AS_NEW', 'WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW'])(
  'a run at Restack that is %s is not over',
  async (status) => {
    const { run_id } = await site.client.create({ agent_id: 'support', input: { plan: { status } } });
    const polls = () =>
      restack.runs.find(({ asked }) => JSON.stringify(asked.body).includes(`"${status}"`))?.polls ?? 0;
    await expect.poll(polls).toBeGreaterThan(3);
    expect(await site.client.read(run_id)).toMatchObject({ status: 'pending' });
  },
);

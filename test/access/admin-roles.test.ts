import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { noLimits } from '../../src/access/principals.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Role } from '../../src/contract/domain/operator.ts';
import { createAdminProtocol } from '../../src/protocols/admin/protocol.ts';
import { describeProtocol } from '../../src/protocols/shared/openapi.ts';
import { openSite, type Site } from '../http/app.ts';
import { runId } from '../protocols/scripted-api.ts';

const protocol = createAdminProtocol();

const bodies: Readonly<Record<string, Json>> = {
  cancel_runs: { run_ids: [runId] },
  replay_runs: { run_ids: [runId] },
  redrive_deliveries: {},
  set_debug_log: {},
  check_config: {},
  pause_backend: { reason: 'the vendor asked' },
  try_mapping: { agent: 'echo', status: 'completed', raw: {} },
  start_run: { input: {} },
  resume_run: { payload: {} },
  put_stop: { kind: 'agent', name: 'echo', reason: 'it costs too much' },
};
const params: Readonly<Record<string, string>> = { run_id: runId, name: 'echo', kind: 'agent', replica: 'r1' };
const acting = new Set([
  ...['cancel_runs', 'replay_runs', 'pause_backend', 'resume_backend', 'probe_backend', 'drain_replica'],
  ...[
    'undrain_replica',
    'set_debug_log',
    'put_stop',
    'lift_stop',
    'redrive_deliveries',
    'reload_config',
    'start_run',
    'resume_run',
    'try_mapping',
  ],
]);

/** A site that knows who calls, and has no admin API behind its roles. */
function open(role: Role | null): Promise<Site> {
  const principal = { tenant: 'default', name: 'ops', agents: null, limits: noLimits, role };
  return openSite({ mounts: [{ protocol, prefix: protocol.prefix }], authenticate: () => principal });
}

async function ask(site: Site, id: string, query = '', body = bodies[id]) {
  const operation = protocol.operations.find((each) => each.id === id);
  if (operation === undefined) throw new Error(`there is no operation ${id}`);
  const path = operation.path.replaceAll(/(?<=\/):(\w+)/g, (_, name: string) => params[name] ?? '');
  const response = await site.fetch(`${protocol.prefix}${path}${query}`, {
    method: operation.method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as { readonly error: { readonly code: string } } };
}

describe.each(protocol.operations.map(({ id }) => id))('%s', (id) => {
  test(`${id} is refused with 403 to a key without a role`, async () => {
    await using site = await open(null);
    expect(await ask(site, id)).toMatchObject({ status: 403, body: { error: { code: 'role_required' } } });
  });

  test(`${id} asks a viewer for the role operator if and only if it acts`, async () => {
    await using site = await open('viewer');
    const { status, body } = await ask(site, id);
    if (id === 'whoami') expect([status, body]).toEqual([200, { name: 'ops', tenant: 'default', role: 'viewer' }]);
    // Past the role there is nothing here.
    else expect([status, body.error.code]).toEqual(acting.has(id) ? [403, 'role_required'] : [404, 'route_not_found']);
  });

  test(`${id} passes an operator`, async () => {
    await using site = await open('operator');
    expect((await ask(site, id)).status).toBe(id === 'whoami' ? 200 : 404);
  });
});

test('payloads are refused to a viewer, and a dry run is not', async () => {
  await using site = await open('viewer');
  expect((await ask(site, 'get_run', '?reveal=input')).status).toBe(403);
  expect((await ask(site, 'cancel_runs', '', { run_ids: [runId], dry_run: true })).status).toBe(404);
});

test('the document of the admin API is valid OpenAPI 3.1 with every operation under its own path', async () => {
  const options = { agents: [], defaultAgent: null, isProtected: true };
  const document = structuredClone(describeProtocol(protocol, protocol.prefix, options));
  const { valid, errors } = await new Validator().validate(document);
  expect([valid, errors]).toEqual([true, undefined]);
  const { paths } = document as { readonly paths: Readonly<Record<string, object>> };
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/runs:cancel', '/runs/{run_id}', '/config:reload']));
  expect(Object.values(paths).reduce((sum, each) => sum + Object.keys(each).length, 0)).toBe(
    protocol.operations.length,
  );
});

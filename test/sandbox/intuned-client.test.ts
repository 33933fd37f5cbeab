import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';

const version = '1.1.1';
/** A Python with `intuned-client`, such as that of a virtual environment. */
const python = process.env.INTUNED_CLIENT_PYTHON ?? 'python3';

/** Why the client cannot be run here; null where it can. */
function findObstacle(): string | null {
  const script = "import importlib.metadata as m; import intuned_client; print(m.version('intuned-client'))";
  const { status, stdout, error } = spawnSync(python, ['-c', script], { encoding: 'utf8' });
  if (error !== undefined) return `${python} cannot be run`;
  if (status !== 0) return `${python} has no intuned-client: pip install intuned-client==${version}`;
  return stdout.trim() === version ? null : `${python} has intuned-client ${stdout.trim()} and not ${version}`;
}

test('the published client of Intuned reads every answer of the sandbox into its typed models', async (context) => {
  const obstacle = findObstacle();
  if (obstacle !== null) return context.skip(obstacle);
  const sandbox = await startSandbox();
  try {
    const script = join(import.meta.dirname, 'intuned-client.py');
    const { stdout } = await promisify(execFile)(python, [script, sandbox.intunedUrl]);
    const form = ['category', 'code', 'correlationId', 'message', 'retirable'];
    const notFound = { type: 'NotFoundError', status: 404, members: form };
    expect(JSON.parse(stdout)).toMatchObject({
      statuses: ['pending', 'started', { a: 1 }],
      codes: expect.toSatisfy((codes: readonly string[]) => new Set(codes).size === 16),
      links: true,
      reasons: expect.toSatisfy((reasons: readonly string[]) => new Set(reasons).size === 7),
      refusals: [notFound, notFound, notFound, notFound, { type: 'AuthenticationError', status: 401, members: form }],
      jobs: ['SUCCESS', 'json', 'TERMINATED', 'user-request', 'internal-server-error'],
      management: ['PAUSED', ['bad'], 1],
      tasks: ['success', { a: 1 }, true, 'failed', 'internal-error'],
    });
  } finally {
    await sandbox.close();
  }
});

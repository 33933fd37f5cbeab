import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { findObstacle, python } from '../clients/intuned-python.ts';

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

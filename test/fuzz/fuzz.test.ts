import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { adapters } from '../../adapters/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/gateway.ts';
import { Mounts } from '../../src/http/mounts.ts';
import { createLog } from '../../src/observability/log.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { acme, sample } from '../config/vendors.ts';
import { sealerFor } from '../http/held-tickets.ts';
import { fuzz } from './fuzz.ts';
import { authorization, fuzzConfig, prefixes } from './target.ts';

test('the fuzzer asks for the documents of every protocol of clients', async () => {
  const config = await parseConfig(sample(), { file: 'x.yaml', env: {}, registry: [acme] });
  const mounted = new Mounts(sealerFor).of(config).filter(({ protocol }) => protocol.isForOperators !== true);
  const missing = mounted.map(({ prefix }) => prefix).filter((prefix) => !prefixes.includes(prefix));
  expect(missing).toEqual([]);
});

/** The short form of `npm run fuzz`; the seed is fixed, so that what fails here fails again. */
test('generated and spoilt requests are answered, and by the documents', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-fuzz-'));
  const sandbox = await startSandbox();
  const text = fuzzConfig(sandbox, `sqlite:${join(folder, 'runs.db')}?synchronous=normal`);
  const config = await parseConfig(text, { file: join(folder, 'fuzz.yaml'), env: {}, registry: adapters });
  const errors: string[] = [];
  const write = (line: string): void => {
    if (line.includes('"level":"error"')) errors.push(line);
  };
  const log = createLog({ level: 'info', secrets: config.secrets, destination: { write } });
  const gateway = await startGateway(config, log);
  const report = await fuzz({ url: gateway.url, authorization, prefixes, cases: 1500, seed: 20_261_122 });
  await gateway.stop();
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
  expect(report.faults).toEqual([]);
  expect(errors).toEqual([]);
  // All kinds of requests got somewhere: a fuzzer that only makes 422 tests one line.
  expect(report.operations).toBeGreaterThan(95);
  expect(report.outcomes).toMatchObject({
    200: expect.any(Number),
    201: expect.any(Number),
    401: expect.any(Number),
    409: expect.any(Number),
    422: expect.any(Number),
  });
  expect(report.outcomes[200]).toBeGreaterThan(200);
});

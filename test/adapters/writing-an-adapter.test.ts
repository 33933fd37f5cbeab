import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adapters } from '../../adapters/index.ts';
import type { Adapter } from '../../src/contract/adapter/adapter.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, startVendor } from '../upstream/vendor-server.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/vendors/writing-an-adapter.md'), 'utf8');

describe('docs/vendors/writing-an-adapter.md', () => {
  test('the capability table is the data that the engine reads', () => {
    const table = [...page.matchAll(/^\| (\w+) +\| (yes|no) +\| (yes|no) +\| (yes|no) +\| (yes|no) +\|/gm)].map(
      ([, name, resume, cancel, push, session]) => ({ name, resume, cancel, push, session }),
    );
    const word = (can: boolean) => (can ? 'yes' : 'no');
    expect(table).toEqual(
      adapters.map(({ name, capabilities: { resume, cancel, push, session } }) => ({
        name,
        resume: word(resume),
        cancel: word(cancel),
        push: word(push),
        session: word(session),
      })),
    );
  });

  test('the example has forty lines and works', async () => {
    const example = /```ts\n(.*?)\n```/s.exec(page)?.[1] ?? '';
    expect(example.split('\n').length).toBeLessThanOrEqual(40);
    const folder = mkdtempSync(join(tmpdir(), 'rungate-example-'));
    const vendor = await startVendor((response, received) => {
      const reply = received.method === 'DELETE' ? answer(204, '') : answer(200, { runId: 'r/1', status: 'busy' });
      reply(response, received);
    });
    const upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url });
    try {
      const file = join(folder, 'adapter.ts');
      const placed = example
        .replaceAll("'../../src/", `'${root}/src/`)
        .replaceAll("'../", `'${root}/adapters/`)
        .replaceAll("'zod'", `'${root}/node_modules/zod/index.js'`);
      writeFileSync(file, placed);
      const { acme } = (await import(file)) as { acme: Adapter };
      const connection = acme.connect(
        acme.settings.parse({ apiKey: 'key' }),
        upstream.client,
        createExpressionCompiler(),
      );
      const target = acme.target.parse({ job: 'a b' });
      const { signal } = new AbortController();
      const { upstream: ref } = await connection.start({ target, input: 1, config: {}, runId: 'run-1' });
      if (ref === null) throw new Error('no run');
      expect(await connection.observe(target, ref, signal)).toEqual({
        status: 'busy',
        raw: { runId: 'r/1', status: 'busy' },
      });
      await connection.cancel?.(target, ref);
      expect(vendor.received.map(({ method, path, body }) => `${method} ${path} ${body}`.trim())).toEqual([
        'POST /jobs/a%20b/runs {"input":1,"priority":0}',
        'GET /runs/r%2F1',
        'DELETE /runs/r%2F1',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
      await upstream.close();
      await vendor.stop();
    }
  });
});

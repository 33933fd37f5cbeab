import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Json } from '../../src/contract/domain/json.ts';
import { compileMapping } from '../../src/mapping/compile.ts';

function mappingOf(vendor: string, inline: object = {}) {
  const text = readFileSync(new URL(`../../mappings/${vendor}.yaml`, import.meta.url), 'utf8');
  const compiled = compileMapping([
    { source: vendor, mapping: parse(text) },
    { source: 'inline', mapping: inline },
  ]);
  if (compiled.kind !== 'compiled') throw new Error(JSON.stringify(compiled.problems));
  return compiled.mapping;
}

async function describeEnd(vendor: string, raw: Json, inline?: object): Promise<string> {
  const mapped = await mappingOf(vendor, inline).read({ status: 'failed', raw });
  return mapped.kind === 'failed' ? mapped.description : mapped.kind;
}

/** What a vendor's run holds in addition to its status, and what a client reads of it. */
const words: readonly (readonly [Json, string])[] = [
  [{ error: 'boom' }, 'boom'],
  [{ error: 42 }, '42'],
  [{ error: ['boom', 'bang'] }, 'boom; bang'],
  [{ error: [{ message: 'boom' }] }, 'boom'],
  [{ error: null, message: 'boom' }, 'boom'],
  [{ error: null, detail: 'boom' }, 'boom'],
  [{ error: null, reason: 'boom' }, 'boom'],
  [{ error: { message: 'boom' } }, 'boom'],
  [{ error: { message: ['boom'] } }, 'boom'],
  [{ error: { message: null, detail: 'boom' } }, 'boom'],
  [{ error: { reason: { text: 'boom' } } }, 'boom'],
  [{ errors: ['boom'] }, 'boom'],
  [{ errors: [{ detail: 'boom' }] }, 'boom'],
  [{ detail: { message: 'boom' } }, 'boom'],
  [{ error: null }, 'the vendor ended the run as "failed" and gave no reason'],
  [{ error: {} }, 'the vendor ended the run as "failed" and gave no reason'],
  [{ error: '' }, 'the vendor ended the run as "failed" and gave no reason'],
  [{}, 'the vendor ended the run as "failed" and gave no reason'],
];

describe.each(['intuned', 'restack'])('the reason that %s gives for a failure', (vendor) => {
  test.each(words)(`the words of ${vendor} reach the client from %j`, async (more, description) => {
    expect(await describeEnd(vendor, { runId: 'r', status: 'failed', ...(more as object) })).toBe(description);
  });

  test(`a reason of ${vendor} of three MiB is cut, and its length is named`, async () => {
    const message = 'x'.repeat(3 * 1024 * 1024);
    const shapes: readonly Json[] = [{ error: { message } }, { error: message }, { errors: [{ message }] }];
    for (const raw of shapes) {
      const description = await describeEnd(vendor, raw);
      expect(description).toHaveLength(2000 + '… (3145728 characters)'.length);
      expect(description).toContain('… (3145728 characters)');
    }
  });

  test(`an error expression that fails keeps the words of ${vendor}`, async () => {
    const failing = describeEnd(vendor, { error: { message: 'boom' } }, { error: '$number(error.message)' });
    await expect(failing).rejects.toThrow(/"error" expression failed: .*; the vendor's own words: boom$/);
  });
});

test('a status of three MiB is cut where the vendor gives no reason, and its length is named', async () => {
  const status = 'x'.repeat(3 * 1024 * 1024);
  const mapping = mappingOf('restack', { status: { [status]: 'error' } });
  const mapped = await mapping.read({ status, raw: {} });
  expect(mapped).toMatchObject({ kind: 'failed' });
  expect(JSON.stringify(mapped).length).toBeLessThan(400);
  expect(JSON.stringify(mapped)).toContain('… (3145728 characters)');
});

import { expect, test } from 'vitest';
import { openAuthSite } from '../access/auth-site.ts';
import { fuzz } from '../fuzz/fuzz.ts';
import { keys } from './admin-site.ts';

test('generated and spoilt requests to the admin API are answered, and by its document', {
  timeout: 120_000,
}, async () => {
  await using site = await openAuthSite({ sections: { auth: { keys } } });
  const report = await fuzz({
    ...{ url: site.url, authorization: 'Bearer rungate_test-ops', prefixes: ['/admin/v1'] },
    ...{ cases: 1200, seed: 20_261_127 },
  });
  expect(report.faults).toEqual([]);
  expect(site.log()).not.toContain('"level":"error"');
  expect(report.operations).toBeGreaterThan(25);
  expect(report.outcomes[200]).toBeGreaterThan(100);
  expect(report.outcomes[422]).toBeGreaterThan(50);
});

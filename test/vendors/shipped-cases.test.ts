import { expect, test } from 'vitest';
import { formatProblems } from '../../src/config/config-error.ts';
import { listVendors, loadVendor, shippedVendors, vendorFileOf } from '../../src/config/vendor-files.ts';
import { checkCases } from '../../src/vendors/vendor-cases.ts';

const names = await listVendors(shippedVendors);

test('vendors ship as files', () => {
  expect(names).toEqual(expect.arrayContaining(['a2a', 'apify', 'langgraph', 'openai-responses']));
});

test.each(names)('the vendor file of %s does in each of its cases what the case says', async (name) => {
  const path = vendorFileOf(shippedVendors, name);
  const vendor = await loadVendor(path);
  expect(vendor.file.vendor).toBe(name);
  const { file, count, problems } = await checkCases(vendor, path);
  expect(problems.length === 0 ? '' : formatProblems(file, problems)).toBe('');
  expect(count).toBeGreaterThanOrEqual(3);
});

test('no errcode of a vendor belongs to another vendor', async () => {
  const hundreds = new Map<number, string>();
  for (const name of names) {
    const { mapping } = (await loadVendor(vendorFileOf(shippedVendors, name))).file;
    for (const errcode of Object.values((mapping.errcodes ?? {}) as Record<string, number>)) {
      const hundred = Math.floor(errcode / 100);
      expect([name, undefined]).toContain(hundreds.get(hundred));
      hundreds.set(hundred, name);
    }
  }
});

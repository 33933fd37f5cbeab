import { z } from 'zod';
import { vendorFileSchema } from '../../adapters/http/schema.ts';
import { describeMapping } from '../config/config-parts.ts';
import { casesSchema } from './case-schema.ts';

/** `schema/vendor.json`: the JSON Schema of vendor files. */
export function renderVendorSchema(): string {
  const file = toPlain(vendorFileSchema) as { readonly properties: Readonly<Record<string, unknown>> };
  const mapping = { description: 'The mapping of the vendor, with the keys of every mapping.', ...describeMapping() };
  return render({ ...file, title: 'rungate vendor file', properties: { ...file.properties, mapping } });
}

/** `schema/vendor-cases.json`: the JSON Schema of the cases of a vendor file. */
export function renderCasesSchema(): string {
  return render({ ...toPlain(casesSchema), title: 'cases of a rungate vendor file' });
}

function toPlain(schema: z.ZodType): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

function render(schema: object): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

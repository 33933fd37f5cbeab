import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Vendor } from '../../src/config/vendor-files.ts';
import { errcodeOccasions, errcodes } from '../../src/contract/domain/errcodes.ts';
import { errorTable } from '../../src/contract/domain/errors.ts';
import { code, formatTable, generatedNote, paragraph } from './markdown.ts';

const caseSchema = z.object({ when: z.string().optional(), is: z.string() });
const mappingSchema = z.object({
  status: z.record(z.string(), z.union([z.string(), z.array(caseSchema)])),
  errcodes: z.record(z.string(), z.int()).default({}),
});
type VendorMapping = z.output<typeof mappingSchema> & { readonly name: string };

const withErrcodes = z.object({ errcodes: z.record(z.string(), z.int()) });

export type ErrorsPageSources = {
  readonly adapters: readonly { readonly name: string }[];
  readonly vendors: readonly Vendor[];
  /** Where the default mappings of the adapters are. */
  readonly directory: string;
};

/** docs/errors.md, from the error table, the errcodes, the default mappings and the vendor files. */
export function renderErrorsPage({ adapters, vendors, directory }: ErrorsPageSources): string {
  const shipped = readdirSync(directory)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .toSorted();
  const names = adapters.flatMap(({ name }) => shipped.filter((each) => each === name || each.startsWith(`${name}-`)));
  const mappings = names.map((name): VendorMapping => {
    const text = readFileSync(`${directory}/${name}.yaml`, 'utf8');
    return { name, ...mappingSchema.parse(parse(text)) };
  });
  return `${[
    '# Errors',
    generatedNote,
    '## Errors of requests',
    paragraph(
      'The body of an error is a JSON string in both versions of ACP, and an object with `code`, `message` and `metadata` in the Agent Protocol. `Accept: application/problem+json` gets RFC 9457 from all of them, with `code`, `path`, `retryable` and `request_id` as further members. Every answer has an `X-Request-Id`: the one of the request, if it sent one. An error that is worth a retry comes with `Retry-After` where the gateway knows how long to wait.',
    ),
    errorRows(),
    '## Errcodes of runs',
    paragraph(
      'A run that ends as `error` or `timeout` carries an integer `errcode` and a `description`. Codes from 1000 to 1999 are those of the gateway, whichever vendor ran the agent. The others come from the mapping of the vendor, where an agent can override them.',
    ),
    formatTable(
      ['errcode', 'when'],
      Object.entries(errcodes).map(([name, errcode]) => [
        String(errcode),
        errcodeOccasions[name as keyof typeof errcodes],
      ]),
    ),
    ...mappings.flatMap(renderVendor),
    '## Vendors that ship as files',
    paragraph('The errcodes that the `mapping` of each [vendor file](vendors/README.md) gives to words of the vendor.'),
    formatTable(['errcode', 'vendor', 'word of the vendor'], vendors.flatMap(errcodeRows)),
  ].join('\n\n')}\n`;
}

function errcodeRows({ file, mapping }: Vendor): readonly (readonly string[])[] {
  const { errcodes: codes } = withErrcodes.parse(mapping.mapping);
  const words = Map.groupBy(Object.entries(codes), ([, errcode]) => errcode);
  return [...words]
    .toSorted(([a], [b]) => a - b)
    .map(([errcode, entries]) => [
      String(errcode),
      code(file.vendor),
      entries.map(([word]) => (word === 'default' ? 'any other' : code(word))).join(', '),
    ]);
}

function errorRows(): string {
  return formatTable(
    ['code', 'HTTP', 'retry', 'message', 'when'],
    Object.entries(errorTable).map(([name, { http, retryable, message, when }]) => [
      code(name),
      String(http),
      retryable ? 'yes' : 'no',
      message,
      when,
    ]),
  );
}

function renderVendor({ name, status, errcodes: codes }: VendorMapping): readonly string[] {
  const rows = Object.entries(codes).toSorted(([, a], [, b]) => a - b);
  return [
    `## ${title(name)}`,
    paragraph(
      `What [mappings/${name}.yaml](../mappings/${name}.yaml) makes of the statuses and words of the vendor. A status that has no row leaves the run \`pending\`.`,
    ),
    formatTable(
      ['vendor status', 'status'],
      Object.entries(status).map(([word, row]) => [code(word), describeRow(row)]),
    ),
    formatTable(
      ['errcode', 'word of the vendor'],
      rows.map(([word, errcode]) => [String(errcode), word === 'default' ? 'any other' : code(word)]),
    ),
  ];
}

function describeRow(row: VendorMapping['status'][string]): string {
  if (typeof row === 'string') return code(row);
  return row.map(({ when, is }) => (when === undefined ? code(is) : `${code(is)} where ${code(when)}`)).join(', else ');
}

const properNames: Readonly<Record<string, string>> = { agentcore: 'AgentCore', mcp: 'MCP' };

/** An adapter as the manual calls it. */
export function title(name: string): string {
  return properNames[name] ?? `${name.slice(0, 1).toUpperCase()}${name.slice(1).replaceAll('-', ' ')}`;
}

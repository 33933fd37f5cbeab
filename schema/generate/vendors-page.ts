import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { shippedVendors, type Vendor, vendorFileOf } from '../../src/config/vendor-files.ts';
import type { Adapter } from '../../src/contract/adapter/adapter.ts';
import { fileVendors } from '../../src/sandbox/faults.ts';
import { casesSchema } from '../../src/vendors/case-schema.ts';
import { casesFileOf } from '../../src/vendors/vendor-cases.ts';
import { code, formatTable, generatedNote, paragraph } from './markdown.ts';

type VendorsPageOptions = {
  readonly adapters: readonly Adapter[];
  readonly vendors: readonly Vendor[];
  /** Of the mappings of adapters. */
  readonly directory: string;
};

/** What the wires of vendors were proven with that are spoken by code. */
const codedProofs: Readonly<Record<string, string>> = {
  agentcore: '@aws-sdk/client-bedrock-agentcore 3.1141.0, signatures computed anew',
  dify: 'dify-client 2.3.2 (the start); documents of the vendor',
  mcp: 'servers of @modelcontextprotocol/sdk 1.32.2; 2026-07-28 by @modelcontextprotocol/conformance 0.2.0-alpha.12 (read)',
};

/** docs/vendors/README.md: what each vendor can do, and what its wire was proven with. */
export function renderVendorsPage({ adapters, vendors, directory }: VendorsPageOptions): string {
  return `${[
    '# Vendors',
    generatedNote,
    paragraph(
      'The `adapter` of a backend names one of these, or a vendor of your own. These vendors are files: `adapters/NAME/adapter.yaml`, with the requests that are sent, and `cases.yaml` beside it, with what is answered and what comes out. A vendor that is not here is added with [a file of your own](writing-a-vendor-file.md). [Configuration](../config.md#vendors-that-ship-as-files) has the keys of each file, [Errors](../errors.md#vendors-that-ship-as-files) its errcodes.',
    ),
    paragraph(
      '`lost start` says what happens to a start whose answer was lost: it is sent again for as long as stands there, because the vendor makes one run of both; or the run is searched for; or the call of the vendor names it, where the backend has `push`. Otherwise such a run ends as 1002. `proof` is what the vendor publishes and shows the wire by. `npm run test:vendors` points these clients at the stand-in of their vendor in the [sandbox](../quickstart.md), where there is one, and there they run one run to its end and cancel another. The others are pointed at a server that answers as the cases say. What all of them send is compared with what the file sends; where `read` stands, the wire was read in the package and not tried. The tests run the cases of each file. Some are run against [real servers](peers.md), and `rungate` stands [behind itself](rungate.md).',
    ),
    formatTable(
      ['vendor', 'resume', 'cancel', 'push', 'lost start', 'errcodes from', 'stand-in', 'proof'],
      vendors.map(({ file, mapping }) => [
        `[${code(file.vendor)}](../../adapters/${file.vendor}/adapter.yaml)`,
        file.resume === undefined ? '' : file.resume.id === undefined ? 'yes' : 'as a new run',
        yesIf(file.cancel !== undefined),
        file.push === undefined ? '' : file.push.perRun === true ? 'a run' : 'an account',
        lostStartOf(file),
        String(errcodeOf(mapping.mapping)),
        yesIf(fileVendors.some((vendor) => vendor === file.vendor)),
        proofOf(file.vendor),
      ]),
    ),
    '## Vendors that are spoken by code',
    paragraph(
      'They need a handshake, a stream, a signature or an agent that lives on. `lost start` and `proof` are as above. [Writing an adapter](writing-an-adapter.md) has their settings and targets.',
    ),
    formatTable(
      ['vendor', 'resume', 'cancel', 'push', 'lost start', 'errcodes from', 'proof'],
      adapters.map(({ name, capabilities }) => [
        `[${code(name)}](${name}.md)`,
        yesIf(capabilities.resume),
        yesIf(capabilities.cancel),
        capabilities.push ? 'a run' : '',
        lostStarts[capabilities.adopt ?? 'none'],
        String(errcodeOf(parse(readFileSync(join(directory, `${name}.yaml`), 'utf8')))),
        codedProofs[name] ?? 'on its page',
      ]),
    ),
  ].join('\n\n')}\n`;
}

const lostStarts = { start: 'sent again', find: 'searched for', push: 'named by its call', none: '' } as const;

function lostStartOf({ start, find, push }: Vendor['file']): string {
  if (start.once !== undefined) return `sent again, ${start.once.hours} h`;
  if (find !== undefined) return 'searched for';
  return push?.id === undefined ? '' : 'named by its call';
}

const withErrcodes = z.object({ errcodes: z.object({ default: z.number() }) });

const yesIf = (holds: boolean): string => (holds ? 'yes' : '');

function errcodeOf(mapping: unknown): number | '' {
  const parsed = withErrcodes.safeParse(mapping);
  return parsed.success ? parsed.data.errcodes.default : '';
}

function proofOf(vendor: string): string {
  const path = casesFileOf(vendorFileOf(shippedVendors, vendor));
  const { proof } = casesSchema.parse(parse(readFileSync(path, 'utf8'), { merge: true }));
  if (proof === undefined) throw new Error(`${path} has no proof`);
  return proof;
}

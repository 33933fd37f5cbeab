import { join, resolve } from 'node:path';
import { adapters } from '../../adapters/index.ts';
import { renderSchema } from '../../src/cli/schema.ts';
import { describeParts } from '../../src/config/config-parts.ts';
import { loadShippedVendors } from '../../src/config/vendor-files.ts';
import { renderCasesSchema, renderVendorSchema } from '../../src/vendors/file-schema.ts';
import { renderCommandsPage } from './commands-page.ts';
import { renderConfigPage } from './config-page.ts';
import { renderDecisionsPage } from './decisions-page.ts';
import { renderErrorsPage } from './errors-page.ts';
import { renderExample } from './example.ts';
import { renderMetricsPage } from './metrics-page.ts';
import { renderVendorsPage } from './vendors-page.ts';

const vendors = await loadShippedVendors();
const shipped = vendors.map(({ adapter }) => adapter);

export const root = resolve(import.meta.dirname, '../..');

/** Every generated file by its path from the root. */
export function generateFiles(): Readonly<Record<string, string>> {
  const parts = describeParts(adapters);
  return {
    'schema/config.json': renderSchema([...adapters, ...shipped]),
    'schema/vendor.json': renderVendorSchema(),
    'schema/vendor-cases.json': renderCasesSchema(),
    'docs/commands.md': renderCommandsPage(),
    'docs/config.md': renderConfigPage(parts, vendors),
    'docs/decisions/README.md': renderDecisionsPage(),
    'docs/errors.md': renderErrorsPage({ adapters, vendors, directory: join(root, 'mappings') }),
    'docs/metrics.md': renderMetricsPage(),
    'docs/vendors/README.md': renderVendorsPage({ adapters, vendors, directory: join(root, 'mappings') }),
    'rungate.example.yaml': renderExample(parts),
  };
}

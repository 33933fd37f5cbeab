import { adapters } from '../../adapters/index.ts';
import { describeParts } from '../config/config-parts.ts';
import { composeJsonSchema } from '../config/json-schema.ts';
import { loadShippedVendors } from '../config/vendor-files.ts';
import type { Adapter } from '../contract/adapter/adapter.ts';
import { type Command, say } from './command.ts';

/**
 * `rungate schema`: the same text as `schema/config.json`. An installed package prints the schema of its own version, so
 * an editor needs no file from the repository: `rungate schema > rungate.schema.json`.
 */
export const schema: Command = {
  name: 'schema',
  usages: [{ call: 'schema', help: ['print the JSON Schema of the config, for editors'] }],
  flags: {},
  run: async () => {
    const shipped = (await loadShippedVendors()).map(({ adapter }) => adapter);
    return await say(renderSchema([...adapters, ...shipped]));
  },
};

/** The JSON Schema of the config as text, with the keys of every adapter. */
export function renderSchema(all: readonly Adapter[]): string {
  return `${JSON.stringify(composeJsonSchema(describeParts(all)), null, 2)}\n`;
}

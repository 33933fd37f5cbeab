import { adapters } from '../../adapters/index.ts';
import { describeParts } from '../config/config-parts.ts';
import { composeJsonSchema } from '../config/json-schema.ts';
import { type Command, say } from './command.ts';

/**
 * `rungate schema`: the same text as `schema/config.json`. An installed package prints the schema of its own version, so
 * an editor needs no file from the repository: `rungate schema > rungate.schema.json`.
 */
export const schema: Command = {
  name: 'schema',
  usages: [{ call: 'schema', help: ['print the JSON Schema of the config, for editors'] }],
  flags: {},
  run: async () => await say(renderSchema()),
};

/** The JSON Schema of the config as text, with the keys of every adapter. */
export function renderSchema(): string {
  return `${JSON.stringify(composeJsonSchema(describeParts(adapters)), null, 2)}\n`;
}

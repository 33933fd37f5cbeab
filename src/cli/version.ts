import { readVersion } from '../observability/version.ts';
import { type Command, say } from './command.ts';

/** `rungate version`, and `rungate --version`: what a report of a fault should name. */
export const version: Command = {
  name: 'version',
  usages: [{ call: 'version', help: ['print the versions of rungate and of Node'] }],
  flags: {},
  run: async () => await say(`rungate ${readVersion()} on Node ${process.versions.node}\n`),
};

import { makeKey } from '../access/key-ring.ts';
import { type Command, say } from './command.ts';

/** `rungate key`: a key for a client. */
export const key: Command = {
  name: 'key',
  usages: [
    {
      call: 'key [--name NAME] [--tenant TENANT]',
      help: ['make a key for a client; print it and its hash, once'],
    },
  ],
  flags: {
    name: { value: 'NAME', help: 'Name of the client. Default: `client`.' },
    tenant: { value: 'TENANT', help: 'Tenant of the client. Default: `default`.' },
  },
  run: async (line) => await say(describeKey(line.name('name', 'client'), line.name('tenant', 'default'))),
};

/** The key, which is shown nowhere else, and what goes into the config. */
function describeKey(name: string, tenant: string): string {
  const made = makeKey();
  return `key, shown this once: ${made.key}

auth:
  keys:
    - name: ${JSON.stringify(name)}
      tenant: ${JSON.stringify(tenant)}
      sha256: ${made.sha256}
`;
}

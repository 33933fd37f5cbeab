import { useReading } from './live.js';
import { read } from './server.js';

/** Names of the config, to choose from. They change with a reload alone. */
export function useNames() {
  const { data } = useReading(
    'names',
    async () => {
      const [{ agents }, { backends }] = await Promise.all([read('/agents'), read('/backends')]);
      const namesOf = (/** @type {readonly { name: string }[]} */ rows) => rows.map(({ name }) => name);
      return { agents: namesOf(agents), backends: namesOf(backends) };
    },
    { on: ['config'], everyMs: 60_000 },
  );
  return data ?? { agents: [], backends: [] };
}

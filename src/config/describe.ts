import { createRedactor } from '../observability/redaction.ts';
import type { Config } from './config.ts';

/** The config as it took effect, defaults included, with every secret replaced; plain JSON, for a human to read. */
export function describeConfig(config: Config): unknown {
  const { backends, agents, secrets, ...sections } = config;
  const dump = {
    ...sections,
    backends: Object.fromEntries(
      backends.map(({ name, adapter, secrets: _, ...backend }) => [name, { adapter: adapter.name, ...backend }]),
    ),
    agents: agents.map(({ checkInput, checkConfig, checkResume, mapping, ...agent }) => ({
      ...agent,
      interrupts: mapping.interrupts,
    })),
  };
  return createRedactor(secrets, { depth: 100, items: Number.POSITIVE_INFINITY }).value(dump);
}

import { z } from 'zod';
import { defineAdapter } from '../../adapters/define-adapter.ts';
import type { Config } from '../../src/config/config.ts';
import { ConfigError, type ConfigProblem } from '../../src/config/config-error.ts';
import { type ParseOptions, parseConfig } from '../../src/config/load.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';

export const silentConnection: Connection = {
  start: () => Promise.reject(new Error('nothing is started here')),
  observe: () => Promise.reject(new Error('nothing is observed here')),
};

/** An adapter whose agents can be resumed when their target says so. Its name has no default mapping. */
export const acme = defineAdapter({
  name: 'acme',
  capabilities: { resume: true, cancel: false, push: false, session: false },
  // Not strict on purpose: the config must refuse unknown keys all the same.
  settings: z.object({ apiKey: z.string().min(1), region: z.enum(['north', 'south']).default('north') }),
  target: z.strictObject({ job: z.string(), chatty: z.boolean().default(false), tries: z.int().optional() }),
  runConfig: z.looseObject({ tries: z.int().optional() }),
  capabilitiesOf: ({ chatty }) => ({ resume: chatty }),
  secretsOf: ({ apiKey }) => [apiKey],
  connect: () => silentConnection,
});

/** A config that is right; `agent` and `rest` are lines that are put into the agent and under the root. */
export function sample({ agent = '', backend = '', rest = '', target = 'job: sweep' } = {}): string {
  return [
    'backends:',
    '  main:',
    '    adapter: acme',
    '    baseUrl: https://acme.example/v1/',
    '    apiKey: hush-hush-1234',
    ...indent(backend, 4),
    'agents:',
    '  - name: sweeper',
    '    backend: main',
    `    target: { ${target} }`,
    ...(agent.includes('mapping:') ? [] : ['    mapping: { status: { done: success }, output: result }']),
    ...indent(agent, 4),
    rest,
  ].join('\n');
}

export async function parse(text: string, options: Partial<ParseOptions> = {}): Promise<Config> {
  return await parseConfig(text, { file: '/nowhere/test.yaml', env: {}, registry: [acme], ...options });
}

/** The problems that a config is refused with; fails when it is taken. */
export async function refuse(text: string, options: Partial<ParseOptions> = {}): Promise<readonly ConfigProblem[]> {
  try {
    await parse(text, options);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the config was taken');
}

/** Without the places, for tests that look at the words. */
export function words(problems: readonly ConfigProblem[]): readonly Pick<ConfigProblem, 'path' | 'message' | 'hint'>[] {
  return problems.map(({ path, message, hint }) => ({ path, message, ...(hint === undefined ? {} : { hint }) }));
}

function indent(lines: string, width: number): readonly string[] {
  return lines === '' ? [] : lines.split('\n').map((line) => ' '.repeat(width) + line);
}

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the config that is written has placeholders
import { existsSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMember, type VendorFile } from '../../adapters/http/schema.ts';
import { findNearest } from '../collections/nearest-word.ts';
import { loadShippedVendors } from '../config/vendor-files.ts';
import { variableOf } from '../vendors/made-up-values.ts';
import { type Command, CommandFailure, exitCodes, say, UsageError, usualConfigFile } from './command.ts';

/** Of the repository, and of the package: what runs a gateway elsewhere. */
const deployFolder = fileURLToPath(new URL('../../deploy', import.meta.url));

/** What each flag copies, from the folder above. */
const copies = {
  compose: ['compose.yaml', 'prometheus', 'grafana'],
  systemd: ['rungate.service'],
  k8s: ['kubernetes'],
} as const;

/** `rungate init`: a config to begin with. */
export const init: Command = {
  name: 'init',
  usages: [
    {
      call: 'init VENDOR... [--file FILE] [--compose] [--systemd] [--k8s]',
      help: ['write a config for these vendors, and what runs it;', 'without vendors their names are listed'],
    },
  ],
  flags: {
    file: { value: 'FILE', help: 'The config to write. Default: `rungate.yaml`. It must not exist.' },
    compose: { help: 'Writes compose.yaml too: two replicas, PostgreSQL, Prometheus and Grafana.' },
    systemd: { help: 'Writes rungate.service too, a unit of systemd.' },
    k8s: { help: 'Writes the manifests of a Kubernetes cluster into kubernetes/ too.' },
  },
  maxOperands: 20,
  run: async (line) => {
    const entries = new Map([...codedVendors, ...(await loadShippedVendors()).map(({ file }) => entryOfFile(file))]);
    const names = [...entries.keys()].toSorted();
    if (line.operands.length === 0) return await say(`${names.join('\n')}\n`);
    const chosen = [...new Set(line.operands)].map((name): [string, Entry] => {
      const entry = entries.get(name);
      if (entry !== undefined) return [name, entry];
      const hint = findNearest(name, names);
      throw new UsageError(`init knows no vendor ${name}${hint === undefined ? '' : `; did you mean "${hint}"?`}`);
    });
    const file = line.text('file') ?? usualConfigFile;
    const isComposed = line.isSet('compose');
    const copied = Object.entries(copies).flatMap(([flag, paths]) => (line.isSet(flag) ? paths : []));
    const targets = copied.map((path) => join(dirname(file), path));
    // Nothing that is there is overwritten, and nothing is written where something is in the way.
    const kept = [file, ...targets].filter((path) => existsSync(path));
    if (kept.length > 0)
      throw new CommandFailure(`nothing is overwritten, and there is ${kept.join(', ')} already`, exitCodes.failed);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, renderConfig(chosen, isComposed), { flag: 'wx' });
    for (const path of copied)
      await cp(join(deployFolder, path), join(dirname(file), path), {
        recursive: true,
        force: false,
        errorOnExist: true,
      });
    const variables = [...new Set(chosen.flatMap(([, { variables: own }]) => own))];
    const next = variables.length === 0 ? '' : `set ${variables.join(', ')}, then `;
    return await say(`${[file, ...targets].join(', ')} written; ${next}rungate check ${file} --connect\n`);
  },
};

/** YAML of a backend and of an agent, one key a line, and the variables without a default in it. */
type Entry = {
  readonly backend: readonly string[];
  readonly target: string;
  readonly variables: readonly string[];
};

/** The vendors whose adapter is code and has no file to read this from. */
const codedVendors: readonly (readonly [string, Entry])[] = [
  [
    'intuned',
    {
      backend: [
        'baseUrl: https://app.intuned.io/api/v1/workspace',
        'workspaceId: ${INTUNED_WORKSPACE_ID}',
        'apiKey: ${INTUNED_API_KEY}',
      ],
      target: '{ project: my-project, api: my-api }',
      variables: ['INTUNED_WORKSPACE_ID', 'INTUNED_API_KEY'],
    },
  ],
  [
    'restack',
    {
      backend: ['baseUrl: ${RESTACK_URL:-http://localhost:6233}', 'token: ${RESTACK_API_BEARER_TOKEN:-}'],
      target: '{ workflow: MyWorkflow }',
      variables: [],
    },
  ],
  [
    'temporal',
    {
      backend: [
        'baseUrl: ${TEMPORAL_URL:-http://localhost:7233}',
        'namespace: ${TEMPORAL_NAMESPACE:-default}',
        'apiKey: ${TEMPORAL_API_KEY:-}',
      ],
      target: '{ workflow: MyWorkflow, taskQueue: my-task-queue }',
      variables: [],
    },
  ],
  [
    'mcp',
    {
      backend: ['baseUrl: ${MCP_URL}', 'token: ${MCP_TOKEN:-}'],
      target: '{ tool: my-tool }',
      variables: ['MCP_URL'],
    },
  ],
  [
    'dify',
    {
      backend: ['baseUrl: ${DIFY_URL:-https://api.dify.ai/v1}', 'apiKey: ${DIFY_API_KEY}'],
      target: '{}',
      variables: ['DIFY_API_KEY'],
    },
  ],
  [
    'agentcore',
    {
      backend: [
        'baseUrl: https://bedrock-agentcore.${AWS_REGION}.amazonaws.com',
        'region: ${AWS_REGION}',
        'accessKeyId: ${AWS_ACCESS_KEY_ID}',
        'secretAccessKey: ${AWS_SECRET_ACCESS_KEY}',
        'sessionToken: ${AWS_SESSION_TOKEN:-}',
      ],
      target: "{ agentRuntimeArn: 'arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/my-agent' }",
      variables: ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    },
  ],
];

/** The keys that the vendor's file requires, with placeholders for what stands for one account. */
function entryOfFile({ vendor, baseUrl, settings, target }: VendorFile): readonly [string, Entry] {
  const variables: string[] = [];
  const placeholderOf = (name: string): string => {
    const variable = variableOf(vendor, name);
    variables.push(variable);
    return `\${${variable}}`;
  };
  const required = (members: Readonly<Record<string, string>>) =>
    Object.entries(members).filter(([, written]) => !readMember(written).isOptional);
  const backend = [
    ...(baseUrl === undefined ? [`baseUrl: ${placeholderOf('baseUrl')}`] : []),
    ...required(settings).map(([name]) => `${name}: ${placeholderOf(name)}`),
  ];
  const members = required(target ?? {}).map(([name]) => `${name}: my-${name.toLowerCase()}`);
  return [vendor, { backend, target: members.length === 0 ? '{}' : `{ ${members.join(', ')} }`, variables }];
}

const ownHead = ['server: { metrics: true }', 'store: { url: "sqlite:./data/rungate.db" }'];

/** Fits compose.yaml. */
const composedHead = [
  'server:',
  '  host: 0.0.0.0',
  '  hosts: [first, second] # how other services of the network call the replicas',
  '  metrics: true',
  'auth: none # compose.yaml publishes the ports on the loopback only',
  'admin: { enabled: false } # add auth with a role, and take this line out',
  'store: { url: "postgres://rungate:${FILE:/run/secrets/postgres-password}@postgres/rungate" }',
];

function renderConfig(chosen: readonly (readonly [string, Entry])[], isComposed: boolean): string {
  const backends = chosen.flatMap(([name, { backend }]) => [
    `  ${name}-main:`,
    `    adapter: ${name}`,
    ...backend.map((key) => `    ${key}`),
  ]);
  const agents = chosen.flatMap(([name, { target }]) => [
    `  - name: my-${name}-agent`,
    `    backend: ${name}-main`,
    `    target: ${target}`,
  ]);
  const lines = [
    '# rungate schema > rungate.schema.json lets editors complete the keys; docs/config.md has each of them.',
    '# yaml-language-server: $schema=rungate.schema.json',
    ...(isComposed ? composedHead : ownHead),
    '',
    'backends:',
    ...backends,
    '',
    '# What clients may run. Put what your vendor calls it in the place of "my-…".',
    'agents:',
    ...agents,
  ];
  return `${lines.join('\n')}\n`;
}

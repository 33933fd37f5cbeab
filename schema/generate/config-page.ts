// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the page explains placeholders
import { type ConfigParts, propertiesOf, requiredOf } from '../../src/config/config-parts.ts';
import type { Vendor } from '../../src/config/vendor-files.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { code, formatTable, generatedNote, paragraph } from './markdown.ts';
import { describeDefault, describeType } from './value-types.ts';

type Row = readonly [key: string, type: string, default_: string, meaning: string];

const head = ['key', 'type', 'default', 'meaning'];

/** docs/config.md. */
export function renderConfigPage(parts: ConfigParts, vendors: readonly Vendor[]): string {
  const { sections, adapters } = parts;
  const plain = Object.entries(sections).filter(([name]) => name !== 'backends' && name !== 'agents');
  return [
    '# Configuration',
    generatedNote,
    intro,
    ...plain.flatMap(([name, section]) => renderSection(name, section)),
    '## `backends`',
    paragraph(textOf(sections.backends)),
    '### Keys of every backend',
    tableOf(parts.backend, 'backends.NAME'),
    ...adapters.flatMap(({ name, settings }) => [
      `### Keys of a backend with \`adapter: ${name}\``,
      tableOf(settings, 'backends.NAME'),
    ]),
    '### Vendors that ship as files',
    paragraph(
      'Their names as `adapter`, with the keys of a backend and of the `target` of its agents. `?` may be left out; [the kinds](vendors/writing-a-vendor-file.md#the-whole-of-it) are those of vendor files. `baseUrl` is needed where no address stands here.',
    ),
    formatTable(
      ['adapter', 'keys of the backend', 'keys of `target`', '`baseUrl`'],
      vendors.map(({ file }) => [
        `[${code(file.vendor)}](../adapters/${file.vendor}/adapter.yaml)`,
        describeMembers(file.settings),
        describeMembers(file.target),
        file.baseUrl === undefined ? '' : code(file.baseUrl),
      ]),
    ),
    '## `agents`',
    paragraph(textOf(sections.agents)),
    tableOf(parts.agent, 'agents[]'),
    ...adapters.flatMap(({ name, target }) => [
      `### \`target\` at ${name}`,
      paragraph(textOf(target)),
      tableOf(target, 'agents[].target'),
    ]),
    '### `mapping`',
    mappingIntro,
    tableOf(parts.mapping, 'agents[].mapping'),
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

function describeMembers(members: Readonly<Record<string, string>>): string {
  return Object.entries(members)
    .map(([name, kind]) => `${code(name)} ${kind}`)
    .join(', ');
}

/** Every key of the config by its path, as the page lists them; for tests. */
export function listKeys(parts: ConfigParts): readonly string[] {
  const rows = [
    ...Object.entries(parts.sections).flatMap(([name, section]) => rowsOf(section, name)),
    ...rowsOf(parts.backend, 'backends.NAME'),
    ...rowsOf(parts.agent, 'agents[]'),
    ...parts.adapters.flatMap(({ settings, target }) => [
      ...rowsOf(settings, 'backends.NAME'),
      ...rowsOf(target, 'agents[].target'),
    ]),
    ...rowsOf(parts.mapping, 'agents[].mapping'),
  ];
  return [...new Set(rows.map(([key]) => key))];
}

function renderSection(name: string, section: JsonObject): readonly string[] {
  const rows = rowsOf(section, name);
  const example = examples[name];
  return [
    `## ${code(name)}`,
    paragraph(textOf(section)),
    ...(rows.length > 0 ? [formatTable(head, rows.map(quoteKey))] : []),
    ...(example === undefined ? [] : [fence(example)]),
  ];
}

function tableOf(schema: JsonObject, path: string): string {
  return formatTable(head, rowsOf(schema, path).map(quoteKey));
}

/** A row for every key, those of nested mappings below their own. */
function rowsOf(schema: JsonObject, path: string): readonly Row[] {
  const { branches, isList } = membersOf(schema);
  const required = branches.flatMap(requiredOf);
  return branches.flatMap((branch) =>
    Object.entries(propertiesOf(branch)).flatMap(([key, member]) => {
      const place = `${path}${isList ? '[]' : ''}.${key}`;
      const row: Row = [place, describeType(member), describeDefault(member, required.includes(key)), textOf(member)];
      return [row, ...rowsOf(member, place)];
    }),
  );
}

/** The mappings that a key may hold: itself, a branch of its alternatives, or the entries of its list. */
function membersOf(schema: JsonObject): { readonly branches: readonly JsonObject[]; readonly isList: boolean } {
  if (isJsonObject(schema.items)) return { branches: membersOf(schema.items).branches, isList: true };
  if (!Array.isArray(schema.anyOf)) return { branches: [schema], isList: false };
  return { branches: schema.anyOf.filter(isJsonObject).flatMap((branch) => membersOf(branch).branches), isList: false };
}

function quoteKey([key, ...cells]: Row): readonly string[] {
  return [code(key), ...cells];
}

function textOf(schema: JsonObject | undefined): string {
  return typeof schema?.description === 'string' ? schema.description : '';
}

function fence(text: string): string {
  return `\`\`\`yaml\n${text}\n\`\`\``;
}

const placeholders = formatTable(
  ['placeholder', 'stands for'],
  [
    [code('${NAME}'), 'the environment variable; a variable that is not set is a problem'],
    [code('${NAME:-default}'), 'the same, with a default for a variable that is not set or empty'],
    [code('${FILE:path}'), 'the text of a file, relative to the config'],
    [code('$${'), `the characters ${code('${')}`],
    [code('$$NAME'), `as a whole value, the characters ${code('$NAME')}`],
  ],
);

const intro = `rungate reads one YAML file. Unknown keys are refused with the nearest known one, and \`rungate check --config FILE\` shows
every problem at once. [rungate.example.yaml](../rungate.example.yaml) has every key in its place.
[schema/config.json](../schema/config.json) is the same as a JSON Schema: with its first line, an editor completes and checks
the file. \`rungate schema\` prints it.

\`\`\`yaml
# yaml-language-server: $schema=./schema/config.json
store:
  url: sqlite:./data/rungate.db

defaultAgent: price-scraper

backends: # accounts at vendors
  intuned-main:
    adapter: intuned
    baseUrl: https://app.intuned.io/api/v1/workspace
    workspaceId: \${INTUNED_WORKSPACE_ID}
    apiKey: \${INTUNED_API_KEY}

agents: # what clients can run
  - name: price-scraper
    backend: intuned-main
    target:
      project: shop
      api: scrape-prices
\`\`\`

Each problem has its place, its line and the wrong value. Secrets are hidden: what stands under a key that is called like one,
and every value of a placeholder. \`rungate check --json\` prints the same for programs.

\`\`\`text output-of="sed 's/: support-desk/: support-dsk/' examples/restack-human-in-the-loop/rungate.yaml > wrong.yaml && ! rungate check --config wrong.yaml 2>&1"
wrong.yaml has 1 problem:
  wrong.yaml:15:5: agents[0].backend: "support-dsk" names no backend; there is support-desk; did you mean "support-desk"?
    15 |     backend: support-dsk
       |     ^^^^^^^^^^^^^^^^^^^^
\`\`\`

## Placeholders

A text may hold placeholders. They are replaced after the YAML is parsed, so a value can never become YAML. Between braces
or brackets they need quotes. There are none in \`schemas\` and in an inline \`mapping\`, where \`\${\` has another meaning.

${placeholders}

A line break at the end of a variable or a file is left out. A number, true or false may be one whole placeholder. Contents of files, and values of variables whose names say that they
are secret (\`KEY\`, \`TOKEN\`, \`SECRET\`, \`PASSW\`, \`CREDENTIAL\`), are redacted from log lines and answers.

\`$NAME\` without braces is refused where it is a whole value or a part of a URL: it is not replaced, and was meant to be.
The same holds for \`$(NAME)\` and \`$env:NAME\`.

A file must be a regular one in UTF-8: a secret of at most 1 MiB, a config or a mapping file of at most 2 MiB.

The YAML is that of version 1.2, and one document; JSON is a part of it. \`yes\` and \`on\` are texts. Numbers with a leading
zero, such as 0755, are refused: readers of YAML do not agree on them.

## Parts that repeat

Anchors, aliases and merge keys (\`<<\`, also with a list) work as in Compose files. Keys that begin with \`x-\` are ignored at
the top level and in every section, so they can hold the parts:

\`\`\`yaml
x-intuned: &intuned
  adapter: intuned
  baseUrl: https://app.intuned.io/api/v1/workspace
  maxConnections: 32

backends:
  shop:
    <<: *intuned
    workspaceId: \${SHOP_WORKSPACE_ID}
    apiKey: \${SHOP_API_KEY}
  news:
    <<: *intuned
    workspaceId: \${NEWS_WORKSPACE_ID}
    apiKey: \${NEWS_API_KEY}

agents:
  - &scraper
    name: shop-prices
    backend: shop
    target: { project: shop, api: scrape-prices }
    timeoutSeconds: 600
  - <<: *scraper
    name: shop-stock
    target: { project: shop, api: scrape-stock }
  - <<: *scraper
    name: headlines
    backend: news
    target: { project: news, api: headlines }
\`\`\`

A key of the mapping itself wins over a merged one, and of several merged mappings the first. Below \`backends\` an entry under
\`x-\` is a backend after all if an agent names it. In \`metadata\` and in JSON Schemas \`x-\` keys are kept.`;

const mappingIntro = paragraph(
  'Expressions are JSONata; a plain path such as `output.response` is the usual one. [mappings/README.md](../mappings/README.md) has the language. A part that is left out is taken from the default mapping of the adapter.',
);

/** Sections whose table alone does not show how they look. */
const examples: Readonly<Record<string, string>> = {
  auth: `auth:
  keys:
    - name: shop
      tenant: shop
      sha256: \${SHOP_KEY_SHA256}
      agents: [price-scraper]
      limits: { requestsPerSecond: 20 }
  jwt:
    issuer: https://id.example.com/
    audience: rungate
    jwksUrl: https://id.example.com/.well-known/jwks.json`,
  webhooks: `webhooks:
  secrets:
    - \${RUNGATE_WEBHOOK_SECRET}
  allow: [hooks.corp.internal]`,
};

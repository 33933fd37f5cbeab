import { type AdapterParts, type ConfigParts, propertiesOf, requiredOf } from '../../src/config/config-parts.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { firstSentence, type Line, layOut, renderDefault, renderValue } from './example-lines.ts';
import { type ExampleEntry, sampleAgents, sampleBackends, sampleSections } from './example-sample.ts';
import { wrap } from './markdown.ts';

/** rungate.example.yaml: every key in its place. */
export function renderExample(parts: ConfigParts): string {
  const shown = new Set<string>();
  const plain = Object.entries(parts.sections).filter(([name]) => name !== 'backends' && name !== 'agents');
  const backends = Object.entries(withOtherAdapters(parts));
  return `${[
    intro,
    ...plain.map(([name, section]) => renderSection(name, section)),
    [
      ...comment(parts.sections.backends),
      'backends:',
      ...backends.flatMap(([name, entry]) => renderBackend(parts, name, entry, shown)),
    ].join('\n'),
    [
      ...comment(parts.sections.agents),
      'agents:',
      [...sampleAgents, ...otherAgents(parts)].map((entry) => renderAgent(parts, entry, shown)).join('\n\n'),
    ].join('\n'),
  ].join('\n\n')}\n`;
}

type Walk = {
  readonly schema: JsonObject;
  readonly value: JsonObject;
  /** Path of the entry's key. */
  readonly path: string;
  readonly indent: string;
  readonly entry: Omit<ExampleEntry, 'value'>;
  /** Keys that the example has already; those of this walk are added. */
  readonly shown: Set<string>;
  /** What `shown` calls a key, by its path: one name wherever it means the same. */
  readonly nameOf: (path: string) => string;
};

function renderSection(name: string, section: JsonObject): string {
  const value = sampleSections[name];
  const properties = propertiesOf(withoutAlternatives(section));
  // A list of mappings, which no sample has: behind a `#`.
  if (value === undefined && section.type === 'array') {
    const lines = renderDefault(name, section).map((line) => ({
      ...line,
      remark: line.text === `${name}:` ? undefined : line.remark,
      isOff: true,
    }));
    return [...comment(section), ...layOut(lines, '')].join('\n');
  }
  if (Object.keys(properties).length === 0) {
    return [
      ...comment(section),
      ...layOut([{ text: `${name}: ${Array.isArray(value) ? JSON.stringify(value) : String(value)}` }], ''),
    ].join('\n');
  }
  const lines = walk({
    schema: withoutAlternatives(section),
    value: isJsonObject(value) ? value : {},
    path: '',
    indent: '  ',
    entry: {},
    shown: new Set(),
    nameOf: (path) => `${name}.${path}`,
  });
  return [...comment(section), `${name}:`, ...lines].join('\n');
}

function renderBackend(parts: ConfigParts, name: string, entry: ExampleEntry, shown: Set<string>): readonly string[] {
  const adapter = findAdapter(parts, entry.value.adapter);
  const { adapter: adapterKey = {}, baseUrl = {}, ...shared } = propertiesOf(parts.backend);
  // Required keys stand first.
  const properties = { adapter: adapterKey, baseUrl, ...propertiesOf(adapter.settings), ...shared };
  const omit = entry.examples?.credentialsByTenant === undefined ? ['credentialsByTenant'] : [];
  if (!adapter.push) omit.push('push');
  const lines = walk({
    schema: { properties },
    value: entry.value,
    path: '',
    indent: '    ',
    entry: { ...entry, omit: [...(entry.omit ?? []), ...omit] },
    shown,
    nameOf: (path) => (path in shared ? `backend.${path}` : `${adapter.name}.${path}`),
  });
  return [`  ${name}:`, ...lines];
}

function renderAgent(parts: ConfigParts, entry: ExampleEntry, shown: Set<string>): string {
  const [several] = Array.isArray(entry.value.backends) ? (entry.value.backends as readonly JsonObject[]) : [];
  const backend = String(entry.value.backend ?? several?.name);
  const adapter = findAdapter(parts, withOtherAdapters(parts)[backend]?.value.adapter);
  const properties = { ...propertiesOf(parts.agent) };
  properties.target = { ...properties.target, ...adapter.target };
  properties.mapping = {
    ...properties.mapping,
    ...parts.mapping,
    description: 'Parts that replace those of the vendor mapping.',
  };
  const lines = walk({
    schema: { properties },
    value: entry.value,
    path: '',
    indent: '    ',
    entry,
    shown,
    nameOf: (path) => (path.startsWith('target.') ? `${adapter.name}.${path}` : `agent.${path}`),
  });
  const [first = '', ...others] = lines;
  const above = entry.comment === undefined ? [] : [`  # ${entry.comment}`];
  return [...above, `  - ${first.trimStart()}`, ...others].join('\n');
}

/** The keys of one mapping in the order of its schema: those of the sample as they are, the others behind a `#`. */
function walk(options: Walk): readonly string[] {
  const { schema, value, path, indent, entry, shown, nameOf } = options;
  const output: string[] = [];
  let group: Line[] = [];
  const flush = (): void => {
    output.push(...layOut(group, indent));
    group = [];
  };
  for (const [key, member] of Object.entries(propertiesOf(schema))) {
    const at = path === '' ? key : `${path}.${key}`;
    const name = nameOf(at);
    const isNew = !shown.has(name);
    const own = value[key];
    if (own === undefined && (!isNew || entry.omit?.includes(at))) continue;
    shown.add(name);
    if (isJsonObject(own) && Object.keys(propertiesOf(member)).length > 0) {
      flush();
      output.push(...layOut([{ text: `${key}:`, remark: isNew ? firstSentence(member) : undefined }], indent));
      output.push(...walk({ ...options, schema: member, value: own, path: at, indent: `${indent}  ` }));
      continue;
    }
    const example = entry.examples?.[at];
    const lines =
      own !== undefined
        ? renderValue(key, own, isNew ? member : {})
        : (example === undefined ? renderDefault(key, member) : renderValue(key, example, member)).map(switchOff);
    // A value of several lines is aligned by itself.
    if (lines.length > 1) flush();
    group.push(...lines);
    if (lines.length > 1) flush();
  }
  flush();
  return output;
}

function switchOff(line: Line): Line {
  return { ...line, isOff: true };
}

function withoutAlternatives(schema: JsonObject): JsonObject {
  if (!Array.isArray(schema.anyOf)) return schema;
  const branches = schema.anyOf.filter(isJsonObject).flatMap((branch) => [branch, withoutAlternatives(branch)]);
  return branches.find((branch) => Object.keys(propertiesOf(branch)).length > 0) ?? schema;
}

function findAdapter({ adapters }: ConfigParts, name: Json | undefined): AdapterParts {
  const adapter = adapters.find((candidate) => candidate.name === name);
  if (adapter === undefined) throw new Error(`the sample names no adapter: ${String(name)}`);
  return adapter;
}

/** The sample's backends, and one for each adapter that the sample does not know. */
function withOtherAdapters({ adapters }: ConfigParts): Readonly<Record<string, ExampleEntry>> {
  const known = Object.values(sampleBackends).map(({ value }) => value.adapter);
  const others = adapters
    .filter(({ name }) => !known.includes(name))
    .map(({ name, settings }): [string, ExampleEntry] => [
      `${name}-main`,
      { value: { adapter: name, baseUrl: 'https://api.example.com', ...requiredValues(settings) } },
    ]);
  return { ...sampleBackends, ...Object.fromEntries(others) };
}

function otherAgents({ adapters }: ConfigParts): readonly ExampleEntry[] {
  const known = Object.values(sampleBackends).map(({ value }) => value.adapter);
  return adapters
    .filter(({ name }) => !known.includes(name))
    .map(({ name, target }) => ({
      value: { name: `${name}-agent`, backend: `${name}-main`, target: requiredValues(target) },
    }));
}

function requiredValues(schema: JsonObject): JsonObject {
  return Object.fromEntries(
    requiredOf(schema).map((key) => {
      const { examples } = propertiesOf(schema)[key] ?? {};
      if (!Array.isArray(examples) || examples[0] === undefined) throw new Error(`${key} needs an example`);
      return [key, examples[0]];
    }),
  );
}

function comment(schema: JsonObject | undefined): readonly string[] {
  const text = typeof schema?.description === 'string' ? schema.description.replaceAll('`', '') : '';
  return wrap(text, 108).map((line) => `# ${line}`);
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the example explains placeholders
const intro = [
  '# yaml-language-server: $schema=./schema/config.json',
  '#',
  '# A config with every key in its place. It is generated from the schema: `npm run generate`.',
  '#',
  '#   rungate check --config rungate.example.yaml      parses it, opens nothing, shows every problem at once',
  '#   rungate serve --config rungate.example.yaml',
  '#',
  '# A "#" directly before a key comments it out; take it off to use the key. Most show their default, those without a',
  '# default an example. A "# " with one space begins a remark. Unknown keys are refused. docs/config.md explains all of',
  '# them.',
  '#',
  '# A text may hold placeholders:',
  '#   ${NAME}             the environment variable; one that is not set is a problem',
  '#   ${NAME:-default}    the same, with a default for a variable that is not set or empty',
  '#   ${FILE:path}        the text of a file (relative to this one), without its last line break',
  '#   $${                 the characters ${',
  '# They are replaced after the YAML is parsed, so a value can never become YAML. Between braces or brackets they need',
  '# quotes. There are none in `schemas` and in an inline `mapping`: "${" has another meaning there.',
].join('\n');
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the example explains placeholders

import { writeFile } from 'node:fs/promises';
import { ConfigError } from '../config/config-error.ts';
import { loadVendor, type Vendor } from '../config/vendor-files.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { parseJson } from '../json/parse-json.ts';
import { parsePlainly, yamlWords } from '../validation/zod-issues.ts';
import { renderVendorSchema } from '../vendors/file-schema.ts';
import { completeSettings, variableOf } from '../vendors/made-up-values.ts';
import { renderSkeleton } from '../vendors/skeleton.ts';
import { printRequests, sendRequests } from '../vendors/try-vendor.ts';
import { casesFileOf, checkCases } from '../vendors/vendor-cases.ts';
import { type Command, type CommandLine, exitCodes, say, UsageError } from './command.ts';

/** `rungate vendor`: writes, checks and tries out vendor files. */
export const vendor: Command = {
  name: 'vendor',
  usages: [
    { call: 'vendor init NAME.yaml', help: ['write a vendor file to begin with, and its cases'] },
    { call: 'vendor check NAME.yaml', help: ['say everything that is wrong with it, and run its cases'] },
    {
      call: 'vendor try NAME.yaml [--input JSON] [--target JSON] [--settings JSON] [--options JSON] [--url URL] [--send]',
      help: ['print the requests that it makes, or send them'],
    },
    { call: 'vendor schema', help: ['print the JSON Schema of vendor files, for editors'] },
  ],
  flags: {
    input: { value: 'JSON', short: 'i', help: 'Input of the run. Default: `{}`.' },
    target: { value: 'JSON', help: 'Target of the agent. Default: `{}`.' },
    settings: {
      value: 'JSON',
      help: 'Keys of the backend. One that is left out is read from the environment: `token` of acme from `ACME_TOKEN`.',
    },
    options: { value: 'JSON', help: "The run's `config`. Default: `{}`." },
    url: { value: 'URL', help: "Base URL of the backend. Default: the file's." },
    send: { help: 'Starts a run at the vendor and asks for it until it is over. It may cost money.' },
  },
  actions: ['init', 'check', 'try', 'schema'],
  maxOperands: 1,
  run: async (line) => {
    switch (line.action) {
      case 'schema':
        return await say(renderVendorSchema());
      case 'init':
        return await init(fileOf(line));
      case 'check':
        return await check(fileOf(line));
      case 'try':
        return await tryOut(fileOf(line), line);
      default:
        throw new UsageError('vendor takes init, check, try or schema');
    }
  },
};

function fileOf({ action, operands: [file] }: CommandLine): string {
  if (file === undefined) throw new UsageError(`vendor ${action} takes the name of a file`);
  return file;
}

async function init(file: string): Promise<number> {
  const [, name = ''] = /([^/\\]+)\.ya?ml$/.exec(file) ?? [];
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw new UsageError('vendor init takes NAME.yaml, with a name of lower case letters, digits and -');
  }
  const cases = casesFileOf(file);
  const skeleton = renderSkeleton(name);
  // Nothing that is there is overwritten.
  await writeFile(file, skeleton.file, { flag: 'wx' });
  await writeFile(cases, skeleton.cases, { flag: 'wx' });
  return await say(`${file} and ${cases} are written; "rungate vendor check ${file}" runs the cases\n`);
}

async function check(file: string): Promise<number> {
  const loaded = await loadVendor(file);
  const report = await checkCases(loaded, file);
  if (report.problems.length > 0) throw new ConfigError(report.file, report.problems);
  return await say(`${file}: ${report.count} case${report.count === 1 ? '' : 's'}, nothing wrong\n`);
}

async function tryOut(file: string, line: CommandLine): Promise<number> {
  const loaded = await loadVendor(file);
  const isSent = line.isSet('send');
  const given = readObject(line, 'settings');
  const settings = parse(loaded, 'settings', completeSettings(loaded.file, given, { env: process.env, isSent }));
  const target = parse(loaded, 'target', readObject(line, 'target'));
  const baseUrl = line.text('url') ?? loaded.file.baseUrl;
  if (baseUrl === undefined) throw new UsageError('--url URL is missing: the file has none');
  const lines: string[] = [];
  const print = (text: string): void => {
    if (isSent) process.stdout.write(`${text}\n`);
    else lines.push(text);
  };
  const trial = {
    baseUrl,
    settings,
    target,
    input: readJsonFlag(line, 'input'),
    config: readObject(line, 'options'),
    print,
  };
  if (isSent) return (await sendRequests(loaded, trial)) ? exitCodes.ok : exitCodes.failed;
  await printRequests(loaded, trial);
  return await say(`${lines.join('\n')}\n`);
}

function parse(loaded: Vendor, member: 'settings' | 'target', value: JsonObject): unknown {
  const parsed = parsePlainly(loaded.adapter[member], value, yamlWords);
  if (parsed.ok) return parsed.value;
  const said = parsed.issues.map(({ path, message }) => {
    const variable = member === 'settings' ? `, or set ${variableOf(loaded.file.vendor, String(path[0]))}` : '';
    return `--${member}: ${path.join('.')} ${message}${variable}`;
  });
  throw new UsageError(said.join('\n'));
}

function readObject(line: CommandLine, flag: string): JsonObject {
  const value = readJsonFlag(line, flag);
  if (!isJsonObject(value)) throw new UsageError(`--${flag} takes a JSON object`);
  return value;
}

function readJsonFlag(line: CommandLine, flag: string): Json {
  const parsed = parseJson(line.text(flag) ?? '{}', { maxDepth: 100, protoKeys: 'refuse' });
  if (parsed.kind !== 'json') throw new UsageError(`--${flag} takes JSON`);
  return parsed.value;
}

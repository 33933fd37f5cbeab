import { join, resolve } from 'node:path';
import { findNearest } from '../collections/nearest-word.ts';
import type { Mapping } from '../contract/domain/mapping.ts';
import { isJsonObject } from '../json/json-object.ts';
import { compileMapping, type MappingLayer, type MappingProblem } from '../mapping/compile.ts';
import { mappingKeys } from '../mapping/schema.ts';
import { type ConfigPath, formatProblem } from './config-error.ts';
import { readDocument } from './document.ts';
import { maxConfigBytes, readText, UnreadableFileError } from './files.ts';
import { type ConfigReader, isExtension } from './reader.ts';

export type MappingLayerOptions = {
  /** Directory of the adapters' default mappings, one `<adapter>.yaml` each. */
  readonly defaultsDirectory: string;
  /** Directory that file names in the config are relative to. */
  readonly baseDirectory: string;
  /** Budget of one evaluation of an expression, in milliseconds. */
  readonly timeMs: number;
};

const inline = 'the config';

/** Reads and compiles the mappings of agents: the default of the adapter, then a named file, then the inline keys. */
export class MappingLoader {
  readonly #options: MappingLayerOptions;
  readonly #reader: ConfigReader;
  readonly #files = new Map<string, Promise<FileLayer>>();

  constructor(options: MappingLayerOptions, reader: ConfigReader) {
    this.#options = options;
    this.#reader = reader;
  }

  /** The compiled mapping; undefined when it was refused and its problems reported. */
  async load(adapter: string, value: unknown, path: ConfigPath): Promise<Mapping | undefined> {
    const { defaultsDirectory, baseDirectory, timeMs } = this.#options;
    const written = this.#split(value, path);
    if (written === undefined) return undefined;
    const files = [await this.#readFile(join(defaultsDirectory, `${adapter}.yaml`))];
    // An adapter may have no default mapping; the agent's own must be complete then.
    if (files[0]?.kind === 'missing') files.shift();
    if (written.file !== undefined) files.push(await this.#readFile(resolve(baseDirectory, written.file)));
    const layers: MappingLayer[] = [];
    let isComplete = true;
    for (const file of files) {
      if (file.kind === 'layer') layers.push(file.layer);
      else this.#reader.report(path, file.message);
      isComplete &&= file.kind === 'layer';
    }
    if (written.inline !== undefined) layers.push({ source: inline, mapping: leaveOutExtensions(written.inline) });
    const compilation = compileMapping(layers, { budgets: { timeMs } });
    if (compilation.kind === 'compiled') return isComplete ? compilation.mapping : undefined;
    for (const problem of compilation.problems) this.#report(problem, path);
    return undefined;
  }

  #split(value: unknown, path: ConfigPath): { readonly file?: string; readonly inline?: unknown } | undefined {
    if (value === undefined || value === null) return {};
    if (typeof value === 'string') return this.#reader.hasFailed(path) ? undefined : { file: value };
    if (typeof value === 'object' && !Array.isArray(value)) return { inline: value };
    this.#reader.report(path, 'must be a mapping, or the name of a mapping file');
    return undefined;
  }

  #readFile(file: string): Promise<FileLayer> {
    const known = this.#files.get(file) ?? readLayer(file);
    this.#files.set(file, known);
    return known;
  }

  #report(problem: MappingProblem, path: ConfigPath): void {
    const key = problem.path;
    const hint = mappingKeys.includes(key) || key.includes('.') ? undefined : findNearest(key, mappingKeys);
    if (problem.source === inline) {
      this.#reader.report([...path, ...splitPath(key)], problem.message, hint);
      return;
    }
    const place = key === '' ? problem.source : `${problem.source}: ${key}`;
    this.#reader.report(path, `${place}: ${problem.message}`, hint);
  }
}

type FileLayer =
  | { readonly kind: 'layer'; readonly layer: MappingLayer }
  | { readonly kind: 'missing' | 'unusable'; readonly message: string };

async function readLayer(file: string): Promise<FileLayer> {
  let text: string;
  try {
    text = await readText(file, maxConfigBytes);
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error;
    return { kind: error.isMissing ? 'missing' : 'unusable', message: `${file} cannot be read: ${error.message}` };
  }
  const document = readDocument(text);
  const [problem] = document.problems;
  if (problem !== undefined) return { kind: 'unusable', message: `${file} ${formatProblem(problem)}` };
  return { kind: 'layer', layer: { source: file, mapping: leaveOutExtensions(document.value) } };
}

function leaveOutExtensions(mapping: unknown): unknown {
  if (!isJsonObject(mapping)) return mapping;
  return Object.fromEntries(Object.entries(mapping).filter(([key]) => !isExtension(key)));
}

/** `status.failed[0].when` as a path. */
function splitPath(key: string): ConfigPath {
  return [...key.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map((match) =>
    match[1] === undefined ? match[0] : Number(match[1]),
  );
}

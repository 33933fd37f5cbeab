import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { findNearest } from '../collections/nearest-word.ts';
import type { Mapping } from '../contract/domain/mapping.ts';
import { isJsonObject } from '../json/json-object.ts';
import { compileMapping, type MappingLayer, type MappingProblem } from '../mapping/compile.ts';
import type { ConfigPath, ConfigProblem } from './config-error.ts';
import { readDocument, type YamlDocument } from './document.ts';
import { maxConfigBytes, type ReadText, UnreadableFileError } from './files.ts';
import { type ConfigReader, isExtension } from './reader.ts';

export type MappingLayerOptions = {
  /** Directory of the adapters' default mappings, one `<adapter>.yaml` each. */
  readonly defaultsDirectory: string;
  /** Default mappings of vendor files, by the name of the adapter, in place of those of the directory. */
  readonly defaults: ReadonlyMap<string, MappingLayer>;
  /** Directory that file names in the config are relative to. */
  readonly baseDirectory: string;
  readonly readText: ReadText;
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
    const { defaultsDirectory, defaults, baseDirectory, timeMs } = this.#options;
    const written = this.#split(value, path);
    if (written === undefined) return undefined;
    const own = defaults.get(adapter);
    const files = own === undefined ? [await this.#readFile(join(defaultsDirectory, `${adapter}.yaml`))] : [];
    // An adapter may have no default mapping; the agent's own must be complete then.
    if (files[0]?.kind === 'missing') files.shift();
    if (written.file !== undefined) files.push(await this.#readFile(resolve(baseDirectory, written.file)));
    const layers: MappingLayer[] = own === undefined ? [] : [own];
    let isComplete = true;
    const documents = new Map<string, YamlDocument>();
    for (const file of files) {
      isComplete &&= file.kind === 'layer';
      if (file.kind === 'layer') {
        layers.push(file.layer);
        documents.set(file.layer.source, file.document);
      } else if (file.kind === 'broken') for (const problem of file.problems) this.#reader.reportFile(path, problem);
      else this.#reader.report(path, file.message, { hint: file.hint });
    }
    if (written.inline !== undefined) layers.push({ source: inline, mapping: leaveOutExtensions(written.inline) });
    const compilation = compileMapping(layers, { budgets: { timeMs } });
    if (compilation.kind === 'compiled') return isComplete ? compilation.mapping : undefined;
    for (const problem of compilation.problems) {
      // What a file that cannot be read would have had is not missing as well.
      if (isComplete || problem.isMissing !== true) this.#report(problem, path, documents);
    }
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
    const known = this.#files.get(file) ?? readLayer(file, this.#options.readText);
    this.#files.set(file, known);
    return known;
  }

  #report({ source, keys, message, hint, isKey }: MappingProblem, path: ConfigPath, files: FileLayers): void {
    if (source === inline) {
      this.#reader.report([...path, ...keys], message, { hint, isKey });
      return;
    }
    const document = files.get(source);
    const within = document === undefined ? undefined : { document, path: keys, file: source };
    this.#reader.report(path, message, { hint, isKey, within });
  }
}

type FileLayer =
  | { readonly kind: 'layer'; readonly layer: MappingLayer; readonly document: YamlDocument }
  | { readonly kind: 'broken'; readonly problems: readonly ConfigProblem[] }
  | { readonly kind: 'missing' | 'unusable'; readonly message: string; readonly hint?: string | undefined };

type FileLayers = ReadonlyMap<string, YamlDocument>;

async function readLayer(file: string, readText: ReadText): Promise<FileLayer> {
  let text: string;
  try {
    text = await readText(file, maxConfigBytes);
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error;
    const message = `${file} cannot be read: ${error.message}`;
    if (!error.isMissing) return { kind: 'unusable', message };
    return { kind: 'missing', message, hint: findNearest(basename(file), await listFiles(dirname(file))) };
  }
  const document = readDocument(text);
  if (document.problems.length > 0)
    return { kind: 'broken', problems: document.problems.map((each) => ({ ...each, file })) };
  return { kind: 'layer', document, layer: { source: file, mapping: leaveOutExtensions(document.value) } };
}

/** Mapping files beside one that is not there. */
async function listFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): readonly string[] => []);
  return names.filter((name) => /\.(?:ya?ml|json)$/.test(name)).toSorted();
}

function leaveOutExtensions(mapping: unknown): unknown {
  if (!isJsonObject(mapping)) return mapping;
  return Object.fromEntries(Object.entries(mapping).filter(([key]) => !isExtension(key)));
}

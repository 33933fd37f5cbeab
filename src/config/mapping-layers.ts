import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Mapping } from '../contract/domain/mapping.ts';
import { compileMapping, type MappingLayer, type MappingProblem } from '../mapping/compile.ts';
import { mappingKeys } from '../mapping/schema.ts';
import { findNearest } from '../validation/nearest-word.ts';
import { type ConfigPath, formatProblem } from './config-error.ts';
import { readDocument } from './document.ts';
import { sayWhyUnreadable } from './file-reason.ts';
import type { ConfigReader } from './reader.ts';

export type MappingLayerOptions = {
  /** Where the adapters' default mappings lie, as `<adapter>.yaml`. */
  readonly defaultsDirectory: string;
  /** What a file name in the config is relative to. */
  readonly baseDirectory: string;
  /** Milliseconds that one expression may take. */
  readonly timeMs: number;
};

const inline = 'the config';

/** Reads and compiles agents' mappings: the adapter's default, then a named file, then what the config says inline. */
export class MappingLoader {
  readonly #options: MappingLayerOptions;
  readonly #reader: ConfigReader;
  readonly #files = new Map<string, Promise<FileLayer>>();

  constructor(options: MappingLayerOptions, reader: ConfigReader) {
    this.#options = options;
    this.#reader = reader;
  }

  /** Undefined after having reported what is wrong. */
  async load(adapter: string, value: unknown, path: ConfigPath): Promise<Mapping | undefined> {
    const { defaultsDirectory, baseDirectory, timeMs } = this.#options;
    const written = this.#split(value, path);
    if (written === undefined) return undefined;
    const files = [await this.#readFile(join(defaultsDirectory, `${adapter}.yaml`))];
    // A vendor may come without a default; then the agent's own mapping must be complete.
    if (files[0]?.kind === 'missing') files.shift();
    if (written.file !== undefined) files.push(await this.#readFile(resolve(baseDirectory, written.file)));
    const layers: MappingLayer[] = [];
    let isComplete = true;
    for (const file of files) {
      if (file.kind === 'layer') layers.push(file.layer);
      else this.#reader.report(path, file.message);
      isComplete &&= file.kind === 'layer';
    }
    if (written.inline !== undefined) layers.push({ source: inline, mapping: written.inline });
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
    text = await readFile(file, 'utf8');
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return { kind: isMissing ? 'missing' : 'unusable', message: `${file} cannot be read: ${sayWhyUnreadable(error)}` };
  }
  const document = readDocument(text);
  const [problem] = document.problems;
  if (problem !== undefined) return { kind: 'unusable', message: `${file} ${formatProblem(problem)}` };
  return { kind: 'layer', layer: { source: file, mapping: document.value } };
}

/** `status.failed[0].when` as a path. */
function splitPath(key: string): ConfigPath {
  return [...key.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map((match) =>
    match[1] === undefined ? match[0] : Number(match[1]),
  );
}

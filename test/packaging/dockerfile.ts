import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob, relative } from 'node:path';

type Copy = { readonly files: readonly string[]; readonly to: string };

/** The stages of a Dockerfile, and what it copies from the checkout. */
export class Dockerfile {
  readonly stages: readonly string[];
  readonly #root: string;
  readonly #ignored: readonly string[];

  constructor(root: string) {
    this.#root = root;
    this.stages = readFileSync(join(root, 'Dockerfile'), 'utf8')
      .split(/^(?=FROM )/m)
      .slice(1);
    this.#ignored = readFileSync(join(root, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
  }

  /** Files and folders of the checkout, as the COPY steps name them. */
  get copiedFiles(): readonly string[] {
    return this.stages.flatMap((stage) => copiesOf(stage).flatMap(({ files }) => files));
  }

  /** Whether `.dockerignore` keeps a path of the checkout from being copied, by itself or by a folder around it. */
  isIgnored(path: string): boolean {
    const parts = path.split('/');
    const around = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    return this.#ignored.reduce((ignored, pattern) => {
      const isException = pattern.startsWith('!');
      const glob = isException ? pattern.slice(1) : pattern;
      return around.some((each) => matchesGlob(each, glob)) ? !isException : ignored;
    }, false);
  }

  /** Carries out the COPY steps of a stage that copy from the checkout, into a folder in place of its WORKDIR. */
  replayCopies(stage: number, folder: string): void {
    for (const { files, to } of copiesOf(this.stages[stage] ?? '')) {
      for (const file of files) {
        // COPY puts the contents of a folder into its target, and a file into a target that ends with a slash.
        const target = to.endsWith('/') ? join(folder, to, file) : join(folder, to);
        mkdirSync(join(target, '..'), { recursive: true });
        cpSync(join(this.#root, file), target, {
          recursive: true,
          filter: (source) => !this.isIgnored(relative(this.#root, source)),
        });
      }
    }
  }
}

function copiesOf(stage: string): readonly Copy[] {
  return [...stage.matchAll(/^COPY (?!--from)(.+) (\S+)$/gm)].map(([, files = '', to = '']) => ({
    files: files.split(' '),
    to,
  }));
}

import { pages, readPage } from './pages.ts';

/** A fenced block: its language, what its info string says, its text, and where it is. */
export type Block = {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
};

/** The fenced blocks of a page in order. An info string is a language and `name="value"` pairs. */
export function parseBlocks(page: string, markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```([^\n`]*)\n(.*?)^```$/gms)].map((match) => {
    const [, info = '', text = ''] = match;
    const [, language = '', rest = ''] = /^(\w*)(.*)$/.exec(info) ?? [];
    const attributes = Object.fromEntries(
      [...rest.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    );
    const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
    if (written.join('') !== rest) throw new Error(`${page}: the info string "${info}" is not understood`);
    return { page, line: markdown.slice(0, match.index).split('\n').length, language, attributes, text };
  });
}

/** Every fenced block of every page. */
export const blocks: readonly Block[] = pages.flatMap((page) => parseBlocks(page, readPage(page)));

export function nameOf({ page, line }: Block): string {
  return `${page}:${line}`;
}

/** The lines of a shell block that promise output, without their `# `. */
export function promisedOutput(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => /^# ([{["]|(id|event|data|key, shown this once|HTTP\/1\.1)\b)/.test(line))
    .map((line) => line.slice(2));
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&');
}

/** Whether the promised lines are in the output, in their order; `…` stands for anything. The first missing one. */
export function findMissing(promised: readonly string[], output: string): string | null {
  const lines = output.split('\n');
  let from = 0;
  for (const promise of promised) {
    const pattern = new RegExp(`^${promise.split('…').map(escapeRegExp).join('.*')}$`);
    const at = lines.findIndex((line, index) => index >= from && pattern.test(line));
    if (at < 0) return promise;
    from = at + 1;
  }
  return null;
}

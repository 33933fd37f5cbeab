import { type Excerpt, escapeUnprintable, renderExcerpt } from './excerpt.ts';

/** A place in the config, from its root. */
export type ConfigPath = readonly (string | number)[];

export type ConfigProblem = {
  /** Path of the value, such as `agents[1].target.project`. Empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** The wrong value as it is shown. Absent where it is a secret, comes from a placeholder, or is a mapping or a list. */
  readonly value?: string | undefined;
  /** The nearest word that would be right. */
  readonly hint?: string | undefined;
  /** The file of the position, where it is not the config but one that the value at `path` names. */
  readonly file?: string | undefined;
  /** Path of the value in that file. */
  readonly pathInFile?: string | undefined;
  /** Position in the file, counted from 1. Absent where the problem is of the file as a whole. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** The line of the position, without its secrets. */
  readonly excerpt?: Excerpt | undefined;
};

/** Styles of parts of a message. Plain text has none. */
export type Paint = (style: 'strong' | 'faint' | 'alarming', text: string) => string;

const plainly: Paint = (_style, text) => text;

/** The config cannot be used. Carries every problem, not only the first. */
export class ConfigError extends Error {
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(formatProblems(file, problems));
    this.name = 'ConfigError';
    this.file = file;
    this.problems = problems;
  }
}

/** Every problem with its place (`FILE:LINE:COLUMN`), and its line with a caret under the place. */
export function formatProblems(file: string, problems: readonly ConfigProblem[], paint = plainly): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const blocks = problems.map((problem) => {
    const place = problem.line === undefined ? '' : `${problem.file ?? file}:${problem.line}:${problem.column ?? 1}: `;
    const head = `  ${paint('faint', place)}${formatProblem(problem, paint)}`;
    if (problem.excerpt === undefined) return head;
    const [line = '', marks = ''] = renderExcerpt(problem.excerpt);
    const number = String(problem.line).padStart(6);
    const bar = paint('faint', ' | ');
    return [head, paint('faint', number) + bar + line, ' '.repeat(6) + bar + paint('alarming', marks)].join('\n');
  });
  return [`${file} has ${count}:`, ...blocks].join('\n');
}

/** Formats one problem as one line, without its place. */
export function formatProblem(problem: ConfigProblem, paint = plainly): string {
  const { path, file, pathInFile, value, hint, message } = problem;
  const places = [
    path && paint('strong', escapeUnprintable(path)),
    file,
    pathInFile && paint('strong', escapeUnprintable(pathInFile)),
  ];
  const place = places.flatMap((each) => (each === undefined || each === '' ? [] : `${each}: `)).join('');
  const quoted = value === undefined ? '' : `${paint('alarming', escapeUnprintable(value))} `;
  const advice = hint === undefined ? '' : `; did you mean "${paint('strong', escapeUnprintable(hint))}"?`;
  return `${place}${quoted}${escapeUnprintable(message)}${advice}`;
}

export function formatPath(path: ConfigPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

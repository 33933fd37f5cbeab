/** A place in the config, from its root. */
export type ConfigPath = readonly (string | number)[];

export type ConfigProblem = {
  /** Path of the value, such as `agents[1].target.project`. Empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** The nearest word that would be right. */
  readonly hint?: string | undefined;
  /** Position in the file, counted from 1. Absent where the value is in another file or in none. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
};

/** The config cannot be used. Carries every problem, not only the first. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super([`${file} has ${count}:`, ...problems.map((problem) => `  ${formatProblem(problem)}`)].join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Formats one problem as one line. */
export function formatProblem(problem: ConfigProblem): string {
  const place = problem.line === undefined ? '' : ` (line ${problem.line}, column ${problem.column ?? 1})`;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const hint = problem.hint === undefined ? '' : `; did you mean "${problem.hint}"?`;
  return `${path}${problem.message}${hint}${place}`;
}

export function formatPath(path: ConfigPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

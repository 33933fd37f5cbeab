import { vi } from 'vitest';
import { runCommand } from '../../src/cli/command-line.ts';

type Captured = { readonly code: number; readonly out: string; readonly err: string };

/** What a command prints in this process, and its exit code. One at a time. */
export async function captured(words: readonly string[]): Promise<Captured> {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text: unknown, ...rest: readonly unknown[]) => {
      printed[stream] += String(text);
      for (const done of rest) if (typeof done === 'function') done();
      return true;
    }),
  );
  try {
    const code = await runCommand(words);
    return { code, out: printed.stdout, err: printed.stderr };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

import { spawnSync } from 'node:child_process';

/** The version of the client that the tests are written for. */
const version = '1.1.1';
/** A Python with `intuned-client`, such as that of a virtual environment. */
export const python = process.env.INTUNED_CLIENT_PYTHON ?? 'python3';

/** Why the client cannot be run here; null where it can. */
export function findObstacle(): string | null {
  const script = "import importlib.metadata as m; import intuned_client; print(m.version('intuned-client'))";
  const { status, stdout, error } = spawnSync(python, ['-c', script], { encoding: 'utf8' });
  if (error !== undefined) return `${python} cannot be run`;
  if (status !== 0) return `${python} has no intuned-client: pip install intuned-client==${version}`;
  return stdout.trim() === version ? null : `${python} has intuned-client ${stdout.trim()} and not ${version}`;
}

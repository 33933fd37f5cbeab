import type { Call, Headers, Reply, Wire } from '../wire-host.ts';
import { encodeError, fail } from './errors.ts';
import { intunedJobs } from './jobs.ts';
import { intunedRuns, type Project, type RunsDeps } from './runs.ts';
import { intunedWebTasks } from './web-tasks.ts';

export type IntunedDeps = RunsDeps & { readonly apiKeys: readonly string[] };

/** What a path asks for, before the key is checked. */
type Asked = { readonly operation: Call['operation']; readonly handle: (body: unknown) => Reply };

/** Intuned's API, below `/api/v1/workspace`: runs, jobs and web tasks. */
export function intunedWire({ apiKeys, ...deps }: IntunedDeps): Wire {
  const keys = new Set(apiKeys);
  const [runs, jobs, webTasks] = [intunedRuns(deps), intunedJobs(deps), intunedWebTasks(deps)];

  function routeRun(method: string, place: Project, [first, last, ...rest]: readonly string[]): Asked | null {
    if (rest.length > 0 || !first) return null;
    if (method === 'POST' && first === 'start' && last === undefined) {
      return { operation: 'start', handle: (body) => runs.start(place, body) };
    }
    if (method === 'GET' && last === 'result') {
      return { operation: 'observe', handle: () => runs.observe(place, first) };
    }
    return null;
  }

  function routeJob(method: string, place: Project, [id, verb, runId, last, ...rest]: readonly string[]): Asked | null {
    if (rest.length > 0) return null;
    const other = (handle: Asked['handle']): Asked => ({ operation: 'other', handle });
    switch (`${method} ${[id && '*', verb, runId && '*', last].filter((part) => part !== undefined).join('/')}`) {
      case 'GET ':
        return other(() => jobs.list(place));
      case 'POST ':
        return other((body) => jobs.create(place, body));
      case 'GET *':
        return other(() => jobs.get(place, id ?? ''));
      case 'PUT *':
        return other((body) => jobs.update(place, id ?? '', body));
      case 'DELETE *':
        return other(() => jobs.remove(place, id ?? ''));
      case 'POST */pause':
        return other(() => jobs.pause(place, id ?? ''));
      case 'POST */resume':
        return other(() => jobs.resume(place, id ?? ''));
      case 'POST */trigger':
        return { operation: 'start', handle: () => jobs.trigger(place, id ?? '') };
      case 'GET */runs':
        return other(() => jobs.listRuns(place, id ?? ''));
      case 'GET */runs/*':
        return { operation: 'observe', handle: () => jobs.observe(place, id ?? '', runId ?? '') };
      case 'POST */runs/*/terminate':
        return { operation: 'event', handle: () => jobs.terminate(place, id ?? '', runId ?? '') };
      default:
        return null;
    }
  }

  function routeWebTask(method: string, workspaceId: string, [first, last, ...rest]: readonly string[]): Asked | null {
    if (rest.length > 0 || !first) return null;
    if (method === 'POST' && first === 'start' && last === undefined) {
      return { operation: 'start', handle: (body) => webTasks.start(workspaceId, body) };
    }
    if (method === 'GET' && last === 'result') {
      return { operation: 'observe', handle: () => webTasks.observe(workspaceId, first) };
    }
    return null;
  }

  function ask(method: string, parts: readonly string[]): Asked | null {
    const [api, version, root, workspaceId, area, ...below] = parts;
    if (api !== 'api' || version !== 'v1' || root !== 'workspace' || !workspaceId) return null;
    if (area === 'web-tasks') return routeWebTask(method, workspaceId, below);
    const [project, noun, ...rest] = below;
    if (area !== 'projects' || !project) return null;
    const place = { workspaceId, project };
    if (noun === 'run') return routeRun(method, place, rest);
    return noun === 'jobs' ? routeJob(method, place, rest) : null;
  }

  return {
    vendor: 'intuned',
    encodeError,
    route(method, parts) {
      const asked = ask(method, parts);
      if (asked === null) return null;
      return {
        operation: asked.operation,
        handle: (body: unknown, headers: Headers) =>
          keys.has(String(headers['x-api-key']))
            ? asked.handle(body)
            : fail(401, 'the x-api-key header is missing or wrong'),
      };
    },
  };
}

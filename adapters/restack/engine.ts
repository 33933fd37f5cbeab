import { type CallRule, type HttpCall, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { observeRun, refuseOther } from '../call-rules.ts';
import { fillPath } from '../path.ts';
import { NewestRuns, PathForms } from './memory.ts';
import { defaultPaths, type Paths, type Settings, type Target } from './settings.ts';
import { continuedAsNew } from './statuses.ts';
import { type AgentEvent, eventAnswer, findErrorMessage, newestAnswer, readRun, runAnswer, statusOf } from './wire.ts';

/** `key` is ours for a call that must not be carried out twice; it is sent where the settings name a header for it. */
type EngineCall<T> = Omit<HttpCall<T>, 'headers' | 'errorMessage'> & { readonly key?: string };

/** A run as the engine shows it: its status in the usual spelling, the whole answer, and the agent where it says so. */
type Sighting = { readonly status: string; readonly raw: Json; readonly agentId: string | null };

/** Speaks to an engine over HTTP. Its paths of runs are documented by others than the vendor, so both known forms are tried. */
export function reachEngine({ token, paths: corrections, idempotencyHeader }: Settings, http: HttpClient) {
  const paths: Paths = { ...defaultPaths, ...corrections };
  const headers: Readonly<Record<string, string>> = token ? { authorization: `Bearer ${token}` } : {};
  const forms = { agent: new PathForms(), workflow: new PathForms() };
  const newest = new NewestRuns();

  function call<T>({ key, ...rest }: EngineCall<T>) {
    const keyed = idempotencyHeader === undefined || key === undefined ? {} : { [idempotencyHeader]: key };
    return http.call<T>({ ...rest, headers: { ...headers, ...keyed }, errorMessage: findErrorMessage });
  }

  function startPath({ agent, workflow }: Target): string {
    return agent === undefined
      ? fillPath(paths.startWorkflow, { workflowName: workflow })
      : fillPath(paths.startAgent, { agentName: agent });
  }

  /** The paths under which the engine may have a run, the documented one first. A path from the settings is the only one. */
  function runPaths({ agent, workflow }: Target, { runId, agentId, workflowId }: UpstreamRef): readonly string[] {
    // A moved path may ask for an id that the engine did not give; the run's own id is the nearest there is.
    if (agent !== undefined) {
      const parts = { agentName: agent, agentId: agentId ?? runId, runId };
      const both = corrections?.getAgent === undefined && agentId !== undefined;
      return [paths.getAgent, ...(both ? [defaultPaths.sendEvent] : [])].map((path) => fillPath(path, parts));
    }
    const parts = { workflowName: workflow, workflowId: workflowId ?? runId, runId };
    const both = corrections?.getWorkflow === undefined && workflowId !== undefined;
    return [paths.getWorkflow, ...(both ? [otherWorkflowPath] : [])].map((path) => fillPath(path, parts));
  }

  async function look(path: string, runId: string, signal?: AbortSignal): Promise<Sighting> {
    const observed = { ...observeRun, purpose: 'observe', method: 'GET', path, answer: runAnswer } as const;
    const { body, raw } = await call({ ...observed, statusOf, signal });
    refuseOther(runId, body.runId);
    return { status: statusOf(body), raw: readRun(raw), agentId: body.agentId ?? null };
  }

  /** Asks in the form that the engine is known to have; while none has been answered, a run that is not there in the other. */
  async function lookInForms(target: Target, upstream: UpstreamRef, signal?: AbortSignal): Promise<Sighting> {
    const known = forms[target.agent === undefined ? 'workflow' : 'agent'];
    const [documented = '', other] = runPaths(target, upstream);
    const isOther = known.first === 1 && other !== undefined;
    let found: Sighting;
    try {
      found = await look(isOther ? other : documented, upstream.runId, signal);
      if (other !== undefined) known.note(isOther ? 1 : 0);
      return found;
    } catch (error) {
      if (known.isKnown || other === undefined || !isGone(error)) throw error;
      found = await look(other, upstream.runId, signal).catch((reason: unknown) => {
        // Where the other path is none, the run is gone; where it only failed, the run may be there.
        throw isUnserved(reason) ? error : reason;
      });
    }
    known.note(1);
    http.warn({ path: documented, found_at: other }, 'the engine has runs under another path than the documented one');
    return found;
  }

  /** The run, or the one in which its agent has continued as new. */
  async function observe(target: Target, upstream: UpstreamRef, signal?: AbortSignal): Promise<Sighting> {
    const runId = newest.of(upstream.runId);
    const seen = await lookInForms(target, { ...upstream, runId }, signal);
    if (seen.status !== continuedAsNew || target.agent === undefined) return seen;
    const agentId = upstream.agentId ?? seen.agentId;
    if (agentId === null) return seen;
    const next = await findNewest(target.agent, agentId, signal);
    if (next === null || next === runId) return seen;
    newest.note(upstream.runId, next);
    return await lookInForms(target, { ...upstream, agentId, runId: next }, signal);
  }

  /** The run as the engine has it; null where it has none. */
  async function find(target: Target, upstream: UpstreamRef): Promise<Json> {
    try {
      return (await observe(target, upstream)).raw;
    } catch (error) {
      if (isGone(error)) return null;
      throw error;
    }
  }

  /** The newest run of an agent; null where the engine does not say. */
  async function findNewest(agentName: string, agentId: string, signal?: AbortSignal): Promise<string | null> {
    const path = fillPath(paths.getNewestRun, { agentName, agentId });
    try {
      const asked = { ...observeRun, purpose: 'find-newest', method: 'GET', path, answer: newestAnswer } as const;
      return (await call({ ...asked, signal })).body.runId;
    } catch (error) {
      if (isUnserved(error)) return null;
      throw error;
    }
  }

  /**
   * An event is addressed by agentId and runId. Where the start did not answer the agentId, the run is asked for it;
   * where the run does not know it either, the runId stands in, which is what the documented answer leaves a client.
   */
  async function findAgentId(target: Target, upstream: UpstreamRef): Promise<string> {
    if (upstream.agentId !== undefined) return upstream.agentId;
    try {
      return (await observe(target, upstream)).agentId ?? upstream.runId;
    } catch (error) {
      // A fault of this question is one of nothing sent, so "retry" stands; "gone" is left to the event to find out.
      if (isGone(error)) return upstream.runId;
      throw error;
    }
  }

  type EventRule = CallRule & { readonly purpose: string; readonly key?: string };

  async function send(target: Target, upstream: UpstreamRef, event: AgentEvent, rule: EventRule): Promise<Json> {
    const { agent } = target;
    if (agent === undefined) throw refuse('a workflow takes no events');
    const agentId = await findAgentId(target, upstream);
    const runId = newest.of(upstream.runId);
    try {
      return await put({ agentName: agent, agentId, runId }, event, rule);
    } catch (error) {
      // The run took nothing because it is over. Its agent may live on in a new one.
      if (upstream.agentId === undefined || !saysOver(error)) throw error;
      // Where it cannot be asked now, nothing was taken, so that the event may be sent again later.
      const next = await findNewest(agent, agentId);
      if (next === null || next === runId) throw error;
      newest.note(upstream.runId, next);
      return await put({ agentName: agent, agentId, runId: next }, event, rule);
    }
  }

  async function put(place: EventPlace, { eventName, eventInput }: AgentEvent, rule: EventRule): Promise<Json> {
    const path = fillPath(paths.sendEvent, place);
    const body: Json = eventInput === undefined ? { eventName } : { eventName, eventInput };
    return (await call({ ...rule, method: 'PUT', path, body, answer: eventAnswer })).raw ?? {};
  }

  return { call, startPath, observe, find, send };
}

type EventPlace = { readonly agentName: string; readonly agentId: string; readonly runId: string };

const otherWorkflowPath = '/api/workflows/{workflowName}/{workflowId}/{runId}';

function isGone(error: unknown): boolean {
  return error instanceof UpstreamFault && error.consequence === 'gone';
}

/** The engine has nothing at this path; a refusal of the caller, or one that passes, is no such word. */
function isUnserved(error: unknown): boolean {
  if (!(error instanceof UpstreamFault) || error.httpStatus === null) return false;
  return error.httpStatus >= 400 && error.httpStatus < 500 && ![401, 403, 408, 425, 429].includes(error.httpStatus);
}

/** A refusal of a run that the engine no longer has, or that has ended. */
function saysOver(error: unknown): boolean {
  if (!(error instanceof UpstreamFault) || error.httpStatus === null) return false;
  if (error.consequence !== 'rejected' && error.consequence !== 'gone') return false;
  const isMissing = error.httpStatus === 404 || error.httpStatus === 410;
  return isMissing || /already completed|not running|continued as new/i.test(error.message);
}

/** Nothing was sent, and nothing would be different the next time. */
export function refuse(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'rejected', kind: 'malformed', message });
}

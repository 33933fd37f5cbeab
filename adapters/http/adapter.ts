import type {
  Adapter,
  AdoptionCalls,
  AdoptionKind,
  Capabilities,
  Connection,
  Observation,
  StartRequest,
} from '../../src/contract/adapter/adapter.ts';
import type { CompiledExpression, ExpressionCompiler } from '../../src/contract/adapter/expressions.ts';
import { type HttpAnswer, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { AccountPush } from '../../src/contract/adapter/push.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { MappingFault } from '../../src/contract/domain/mapping.ts';
import { defineAdapter } from '../define-adapter.ts';
import { type Keep, readId, readKept, readRef, unreadable } from './answer-ids.ts';
import { createAuthorizer } from './auth.ts';
import { type AnswerScope, Judge } from './judge.ts';
import { pickConfig, runConfig, secretsOf, settingsSchema, targetSchema, withoutSecrets } from './members.ts';
import { createAccountPush } from './push.ts';
import { RequestPlan, textOf } from './request.ts';
import { planResults, type ResultContext } from './results.ts';
import type { VendorFile } from './schema.ts';
import { Sender } from './sender.ts';

/** Makes an adapter of a vendor file in which the checks found nothing. */
export function createVendorAdapter(file: VendorFile): Adapter {
  return defineAdapter<JsonObject, JsonObject>({
    name: file.vendor,
    baseUrl: file.baseUrl,
    capabilities: capabilitiesOf(file),
    settings: settingsSchema(file),
    target: targetSchema(file),
    runConfig,
    secretsOf: (settings) => secretsOf(file, settings),
    connect: (settings, http, expressions) => new VendorConnection(file, { settings, http, expressions }),
  });
}

function capabilitiesOf({ resume, cancel, push, start, find }: VendorFile): Capabilities {
  return {
    resume: resume !== undefined,
    cancel: cancel !== undefined,
    push: push?.perRun === true,
    session: false,
    adopt: adoptionOf({ start, find, push }),
  };
}

function adoptionOf({ start, find, push }: Pick<VendorFile, 'start' | 'find' | 'push'>): AdoptionKind {
  if (start.once !== undefined) return 'start';
  if (find !== undefined) return 'find';
  return push?.id === undefined ? 'none' : 'push';
}

type ConnectionDeps = {
  readonly settings: JsonObject;
  readonly http: HttpClient;
  readonly expressions: ExpressionCompiler;
};

/** One account at a vendor that a file describes. */
class VendorConnection implements Connection<JsonObject> {
  readonly #file: VendorFile;
  readonly #settings: JsonObject;
  readonly #sender: Sender;
  readonly #maxAnswerBytes: number;
  readonly #compile: ExpressionCompiler['compile'];

  readonly start: Connection<JsonObject>['start'];
  readonly observe: Connection<JsonObject>['observe'];
  readonly resume?: NonNullable<Connection<JsonObject>['resume']>;
  readonly cancel?: NonNullable<Connection<JsonObject>['cancel']>;
  readonly accountPush?: AccountPush | undefined;
  readonly adoption?: NonNullable<Connection<JsonObject>['adoption']>;

  constructor(file: VendorFile, { settings, http, expressions }: ConnectionDeps) {
    this.#file = file;
    this.#settings = withoutSecrets(file, settings);
    this.#compile = (text, key) => expressions.compile(text, key);
    this.#maxAnswerBytes = http.maxAnswerBytes;
    this.#sender = new Sender(http, new Judge(file, this.#compile), createAuthorizer(file, settings, http));
    this.start = this.#planStart();
    this.observe = this.#planObserve();
    const [resume, cancel] = [this.#planResume(), this.#planCancel()];
    if (resume !== undefined) this.resume = resume;
    if (cancel !== undefined) this.cancel = cancel;
    const account = file.push?.account;
    if (account !== undefined) {
      this.accountPush = createAccountPush(this.#compile(account.id, 'push.account.id'), account.verify, settings);
    }
    if (file.start.once !== undefined) {
      const keyLifeMs = file.start.once.hours * 3_600_000;
      this.adoption = { termsOf: () => ({ keyLifeMs }) };
    } else if (file.find !== undefined) {
      this.adoption = { find: this.#planFind(file.find) };
    } else if (file.push?.id !== undefined) {
      this.adoption = { refOfPush: this.#planRefOfPush(file.push.id) };
    }
  }

  #planStart(): Connection<JsonObject>['start'] {
    const { start, config: names } = this.#file;
    const request = this.#planRequest('start', start);
    const [refused, id, finished] = [
      this.#optional(start.refused, 'start.refused'),
      this.#optional(start.id, 'start.id'),
      this.#optional(start.finished, 'start.finished'),
    ];
    const keep = this.#planKeep(start.keep, 'start.keep');
    const results = this.#file.results !== undefined;
    return async ({ target, input, config, sink, runId }: StartRequest<JsonObject>) => {
      const scope = {
        ...{ input, config: pickConfig(names, config), target, settings: this.#settings, run: { id: runId } },
        ...(sink === undefined ? {} : { sink: { url: sink.url } }),
      };
      const sent = await this.#sender.send('start', await request.build(scope), { refused });
      if (sent.kind !== 'answer') throw new TypeError('a fault of a start is neither done nor a status');
      return await afterSending(async () => {
        const answer = scopeOf(sent.answer);
        const status = await finished?.evaluate(answer);
        const observation = isStatus(status)
          ? { status: textOf(status), raw: results ? { run: sent.answer.raw } : sent.answer.raw }
          : undefined;
        const upstream = await readRef({ id, keep }, answer, observation !== undefined);
        if (observation !== undefined) return { upstream, observation };
        if (upstream === null) throw unreadable("the vendor's answer has no id");
        return { upstream };
      });
    };
  }

  #planObserve(): Connection<JsonObject>['observe'] {
    const { observe } = this.#file;
    const request = this.#planRequest('observe', observe);
    const status = this.#compile(observe.status, 'observe.status');
    const refused = this.#optional(observe.refused, 'observe.refused');
    const notBefore = this.#optional(observe.notBefore, 'observe.notBefore');
    const results = planResults(this.#file, this.#compile);
    const hasResults = this.#file.results !== undefined;
    const usesHeaders = observe.status.includes('headers') || observe.notBefore?.includes('headers') === true;
    return async (target, upstream, signal) => {
      const scope = { target, settings: this.#settings, upstream };
      const sent = await this.#sender.send('observe', await request.build(scope), { refused, signal });
      if (sent.kind !== 'answer') throw new TypeError('a fault of an observation is neither done nor a status');
      const { answer } = sent;
      const onAnswer = usesHeaders ? scopeOf(answer) : { body: answer.raw, status: answer.status };
      const seenStatus = status.evaluate(onAnswer);
      const word = seenStatus instanceof Promise ? await seenStatus : seenStatus;
      if (!isStatus(word)) throw unreadable("the vendor's answer has no status", 'retry');
      const seen: Observation = { status: textOf(word), raw: answer.raw };
      const timed = notBefore === undefined ? {} : notBeforeOf(await notBefore.evaluate(onAnswer));
      if (!hasResults) return { ...seen, ...timed };
      const context: ResultContext = {
        sender: this.#sender,
        signal,
        status: seen.status,
        leftBytes: this.#maxAnswerBytes,
      };
      return { ...(await readResults(results, seen, { scope, context })), ...timed };
    };
  }

  #planRefOfPush(path: string): NonNullable<AdoptionCalls<JsonObject>['refOfPush']> {
    const id = this.#compile(path, 'push.id');
    return (_target, body) => {
      const value = id.evaluate({ body });
      // A plain path takes no turn, unless a list stands in its way: then it names no one run.
      const runId = value === undefined || value instanceof Promise ? null : readId(value);
      return runId === null ? null : { runId };
    };
  }

  #planFind(find: NonNullable<VendorFile['find']>): NonNullable<AdoptionCalls<JsonObject>['find']> {
    const request = this.#planRequest('find', find);
    const refused = this.#optional(find.refused, 'find.refused');
    const id = this.#compile(find.id, 'find.id');
    const keep = this.#planKeep(find.keep, 'find.keep');
    return async ({ target, runId }, signal) => {
      const run = { id: runId };
      try {
        const built = await request.build({ target, settings: this.#settings, run });
        const sent = await this.#sender.send('observe', built, { refused, signal });
        if (sent.kind !== 'answer') throw new TypeError('a fault of a search is neither done nor a status');
        const answer = { ...scopeOf(sent.answer), run };
        const value = await id.evaluate(answer);
        const ids = Array.isArray(value) ? value : [value ?? []].flat();
        if (ids.length === 0) return 'absent';
        const found = ids.length === 1 ? readId(ids[0]) : null;
        return found === null ? 'unclear' : { runId: found, ...(await readKept(keep, answer)) };
      } catch (error) {
        if (error instanceof UpstreamFault && error.consequence === 'gone') return 'absent';
        if (!(error instanceof MappingFault)) throw error;
        throw unreadable(error.message, 'retry');
      }
    };
  }

  #planResume(): NonNullable<Connection<JsonObject>['resume']> | undefined {
    const { resume } = this.#file;
    if (resume === undefined) return undefined;
    const request = this.#planRequest('resume', resume);
    const refused = this.#optional(resume.refused, 'resume.refused');
    const id = this.#optional(resume.id, 'resume.id');
    const keep = this.#planKeep(resume.keep, 'resume.keep');
    return async (target, upstream, resumption, deliveryId) => {
      const delivery = { id: deliveryId };
      const built = await request.build({ target, settings: this.#settings, upstream, resumption, delivery });
      const sent = await this.#sender.send('resume', built, { refused });
      if (sent.kind !== 'answer' || (id === undefined && keep.length === 0)) return undefined;
      return await afterSending(async () => {
        const answer = scopeOf(sent.answer);
        const made = id === undefined ? { runId: upstream.runId } : await readRef({ id, keep: [] }, answer, false);
        if (made === null) throw unreadable("the vendor's answer has no id");
        return { ...upstream, ...made, ...(await readKept(keep, answer)) };
      });
    };
  }

  #planCancel(): NonNullable<Connection<JsonObject>['cancel']> | undefined {
    const { cancel } = this.#file;
    if (cancel === undefined) return undefined;
    const request = this.#planRequest('cancel', cancel);
    const refused = this.#optional(cancel.refused, 'cancel.refused');
    return async (target, upstream) => {
      try {
        const built = await request.build({ target, settings: this.#settings, upstream });
        await this.#sender.send('cancel', built, { refused });
      } catch (error) {
        if (!(error instanceof MappingFault)) throw error;
        throw unreadable(error.message, 'rejected');
      }
    };
  }

  #planRequest(
    key: 'start' | 'observe' | 'find' | 'resume' | 'cancel',
    request: ConstructorParameters<typeof RequestPlan>[0],
  ) {
    return new RequestPlan(request, { file: this.#file, key, compile: this.#compile });
  }

  #planKeep(keep: Readonly<Record<string, string>> | undefined, key: string): Keep {
    return Object.entries(keep ?? {}).map(([name, text]) => [name, this.#compile(text, `${key}.${name}`)]);
  }

  #optional(text: string | undefined, key: string): CompiledExpression | undefined {
    return text === undefined ? undefined : this.#compile(text, key);
  }
}

async function readResults(
  plans: ReturnType<typeof planResults>,
  { status, raw }: Observation,
  { scope, context }: { readonly scope: JsonObject; readonly context: ResultContext },
): Promise<Observation> {
  const data: Record<string, Json> = { run: raw };
  const withRun = { ...scope, run: raw };
  const cut: string[] = [];
  let seen = status;
  for (const plan of plans) {
    if (!(await plan.applies(status, withRun))) continue;
    const outcome = await plan.read(withRun, context);
    if (outcome.kind === 'value') data[plan.name] = outcome.value;
    if (outcome.kind === 'value' && outcome.isCut) cut.push(plan.name);
    if (outcome.kind === 'status') {
      seen = outcome.status;
      data.error = outcome.error;
      break;
    }
  }
  return { status: seen, raw: cut.length === 0 ? data : { ...data, cut } };
}

function scopeOf({ raw, status, headers }: HttpAnswer<unknown>): AnswerScope {
  return { body: raw, status, headers };
}

function isStatus(value: Json | undefined): value is Exclude<Json, null | readonly Json[] | JsonObject> {
  return (typeof value === 'string' && value !== '') || typeof value === 'number' || typeof value === 'boolean';
}

function notBeforeOf(value: Json | undefined): { readonly notBeforeMs?: number } {
  return typeof value === 'number' && value >= 0 ? { notBeforeMs: value * 1000 } : {};
}

/** The vendor has acted by then: what cannot be read of its answer leaves the outcome unknown. */
async function afterSending<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof MappingFault)) throw error;
    throw unreadable(error.message);
  }
}

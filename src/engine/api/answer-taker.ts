import { fingerprint } from '../../compute/fingerprint.ts';
import type { QuestionAnswers, ResumedRun, ResumeOptions } from '../../contract/api/runs.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run, RunKey, TakenAnswer } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import { type ListedQuestion, listQuestions } from '../../json/listed-questions.ts';
import type { RunCache } from '../state/run-cache.ts';
import { withAction } from '../state/run-notes.ts';
import type { RunWriter } from '../state/run-writer.ts';
import { translateStorageFault } from '../storage-errors.ts';
import { refuseViolation } from './create-run.ts';

export type AnswerTakerDeps = {
  readonly agents: AgentDirectory;
  readonly store: Pick<Store, 'find'>;
  readonly cache: RunCache;
  readonly writer: RunWriter;
};

/** The run's answer, or why it is not taken. */
type Taken = ResumedRun | 'not found' | 'not asked' | 'another came first';

/** Takes answers to the questions of runs: each once, however often it comes. */
export class AnswerTaker {
  readonly #deps: AnswerTakerDeps;

  constructor(deps: AnswerTakerDeps) {
    this.#deps = deps;
  }

  /** See {@link Runs.resume}. */
  async take(key: RunKey, payload: Json, options: ResumeOptions): Promise<ResumedRun> {
    const taken = await this.#take(key, payload, options, () => true);
    if (typeof taken === 'object') return taken;
    throw new GatewayError(taken === 'not found' ? 'run_not_found' : 'run_not_interrupted');
  }

  /** See {@link Threads.resume}. Only a run of this thread, and of one of these agents. */
  async takeOfThread(
    key: RunKey,
    payload: Json,
    {
      threadId,
      agentIds,
      ...options
    }: ResumeOptions & { readonly threadId: string; readonly agentIds?: readonly string[] | undefined },
  ): Promise<ResumedRun> {
    const isMeant = (run: Run): boolean => run.threadId === threadId && agentIds?.includes(run.agentId) !== false;
    const taken = await this.#take(key, payload, options, isMeant);
    if (typeof taken === 'object') return taken;
    throw new GatewayError(taken === 'another came first' ? 'run_not_interrupted' : 'thread_not_interrupted');
  }

  /** See {@link Runs.answer}. */
  async takeSome(key: RunKey, { seq, answers }: QuestionAnswers): Promise<Run> {
    for (;;) {
      const run = await translateStorageFault(this.#deps.cache.find(key));
      if (run === null) throw new GatewayError('run_not_found');
      const asked = run.outcome?.kind === 'interrupt' ? run.outcome.payload : undefined;
      const questions = listQuestions(asked);
      if (run.phase !== 'interrupted' || run.lastSeq !== seq || questions === null)
        throw new GatewayError('run_not_interrupted');
      const merged = await this.#merge(run, questions, answers);
      const isWhole = questions.every(({ id }) => Object.hasOwn(merged, id));
      if (!isWhole && Object.keys(merged).length === Object.keys(run.partialAnswers ?? {}).length) return run;
      const written = isWhole
        ? await this.#write(run, merged, {}, { fingerprint: await fingerprint(merged) })
        : await translateStorageFault(this.#deps.writer.amend({ ...run, partialAnswers: merged }));
      if (written !== null) return written;
    }
  }

  /** With the answers that the run has: the first answer to a question counts. */
  async #merge(run: Run, questions: readonly ListedQuestion[], answers: JsonObject): Promise<JsonObject> {
    const merged: Record<string, Json> = { ...run.partialAnswers };
    for (const { id, question } of questions) {
      if (Object.hasOwn(merged, id) || !Object.hasOwn(answers, id)) continue;
      const given = answers[id] ?? null;
      const alone = { questions: [question] };
      const agent = this.#deps.agents.find(run.agentId);
      refuseViolation((await agent?.checkResume(alone, { [id]: given })) ?? null);
      merged[id] = given;
    }
    return merged;
  }

  async #take(key: RunKey, payload: Json, options: ResumeOptions, isMeant: (run: Run) => boolean): Promise<Taken> {
    const named = { mark: options.mark, fingerprint: await fingerprint(options.identity ?? payload) };
    const { cache, store } = this.#deps;
    let firstAsked: number | null = null;
    for (;;) {
      // What memory knew was overtaken.
      const run: Run | null = await translateStorageFault(firstAsked === null ? cache.find(key) : store.find(key));
      if (run === null || !isMeant(run)) return 'not found';
      const asked: number | null = run.phase === 'interrupted' ? run.lastSeq : null;
      const isAsked = asked !== null && asked === (options.questionSeq ?? asked);
      const before = findTaken(run, named, options.questionSeq);
      if (before !== null && !(before.isUndelivered && isAsked))
        return { run, afterSeq: before.questionSeq, replayed: true };
      // An answer that another write held up is not one to a later question.
      if (asked === null || !isAsked || asked !== (firstAsked ?? asked))
        return firstAsked === null ? 'not asked' : 'another came first';
      firstAsked = asked;
      const written = await this.#write(run, payload, options, named);
      if (written !== null) return { run: written, afterSeq: asked, replayed: false };
    }
  }

  /** Null: the run has changed since it was read. The first answer takes the interrupt; a second one must not reach the vendor. */
  async #write(
    run: Run,
    payload: Json,
    { action, extra }: ResumeOptions,
    taken: Pick<TakenAnswer, 'mark' | 'fingerprint'>,
  ): Promise<Run | null> {
    const { agents, writer } = this.#deps;
    const asked = run.outcome?.kind === 'interrupt' ? run.outcome.payload : null;
    refuseViolation((await agents.find(run.agentId)?.checkResume(asked, payload)) ?? null);
    const answer = extra === undefined ? { payload } : { payload, extra };
    const written = await translateStorageFault(
      writer.write(action === undefined ? run : withAction(run, action), { kind: 'resume', answer, taken }),
    );
    return written.kind === 'written' ? written.run : null;
  }
}

/** The same answer, as it was taken before; null: it was not. Throws where its mark or its question has another answer. */
function findTaken(
  { answers = [] }: Run,
  { mark, fingerprint: own }: Pick<TakenAnswer, 'mark' | 'fingerprint'>,
  questionSeq: number | undefined,
): TakenAnswer | null {
  const marked = mark === undefined ? undefined : answers.findLast((each) => each.mark === mark);
  if (marked !== undefined && marked.fingerprint !== own) throw new GatewayError('idempotency_mismatch');
  const ofQuestion = answers.find((each) => each.questionSeq === questionSeq);
  if (marked === undefined && ofQuestion !== undefined && ofQuestion.fingerprint !== own)
    throw new GatewayError('question_answered');
  return marked ?? ofQuestion ?? null;
}

import { v7 as uuidV7 } from 'uuid';
import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { EvaluationGuard } from '../../contract/domain/evaluation.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run, RunStatus } from '../../contract/domain/run.ts';
import type { Checkpoint, Session, ThreadEffect, ThreadKey, ThreadStatus } from '../../contract/domain/thread.ts';
import type { Store } from '../../contract/store/store.ts';
import { answeredMessages, continueConversation, ownMessages } from '../../json/conversation.ts';
import type { RunTransition } from './state-machine.ts';

/** Ends a session whose thread is gone. */
type EndSession = (thread: ThreadKey, session: Session) => void;

/** The text that an output is in a chat. */
export type ReplyOf = (agent: Agent, output: Json) => Promise<string>;

export type ThreadEffectsDeps = {
  readonly store: Store;
  readonly agents: AgentDirectory;
  readonly endSession: EndSession;
  readonly replyOf: ReplyOf;
};

/** Derives what a run's transition does to the run's thread. */
export class ThreadEffects {
  readonly #store: Store;
  readonly #agents: AgentDirectory;
  readonly #endSession: EndSession;
  readonly #replyOf: ReplyOf;

  constructor({ store, agents, endSession, replyOf }: ThreadEffectsDeps) {
    this.#store = store;
    this.#agents = agents;
    this.#endSession = endSession;
    this.#replyOf = replyOf;
  }

  /**
   * `run` is the run after the transition. Rejects with `StorageFault`, and with `MappingFault` where the mapping's
   * `threadState` fails.
   */
  async effectOf(
    run: Run,
    threadId: string,
    transition: RunTransition,
    guard?: EvaluationGuard,
  ): Promise<ThreadEffect> {
    const session = 'session' in transition ? transition.session : undefined;
    const cancelled = run.outcome?.kind === 'error' && run.outcome.errcode === errcodes.cancelled;
    const release = run.phase === 'done';
    return {
      status: threadStatusAfter(run.status, cancelled),
      release,
      remove: release && run.request.onCompletion === 'delete',
      checkpoint: await this.#checkpointAfter(run, threadId, guard),
      session,
    };
  }

  /** The session that the effect leaves without a thread; read before the write. Rejects with `StorageFault`. */
  async sessionLostBy({ tenant, threadId }: Run, effect: ThreadEffect): Promise<Session | null> {
    if (!effect.remove || effect.session === null || threadId === null) return null;
    return (await this.#store.threads.findThread({ tenant, threadId }))?.session ?? null;
  }

  /** Ends the session after the write, unless the thread stayed for another run. Rejects with `StorageFault`. */
  async endIfLost({ tenant, threadId }: Run, session: Session): Promise<void> {
    if (threadId !== null && (await this.#store.threads.findThread({ tenant, threadId })) === null) {
      this.#endSession({ tenant, threadId }, session);
    }
  }

  /** Only a run that succeeded changes the thread's state. */
  async #checkpointAfter(run: Run, threadId: string, guard?: EvaluationGuard): Promise<Checkpoint | undefined> {
    if (run.outcome?.kind !== 'result') return undefined;
    const thread = await this.#store.threads.findThread({ tenant: run.tenant, threadId });
    if (thread === null) return undefined;
    const output = run.outcome.value;
    const { input = {}, messages = [] } = run.request;
    const agent = this.#agents.find(run.agentId);
    const context = { state: thread.values, input, messages, output };
    return {
      checkpointId: uuidV7(),
      threadId,
      values: agent === null ? output : await agent.mapping.threadState(context, guard),
      messages: continueConversation([...thread.messages, ...messages], await this.#answerOf(run, agent)),
      metadata: run.request.metadata ?? {},
      runId: run.runId,
      atMs: run.updatedAtMs,
    };
  }

  /** A run that was asked in messages answers in one, whatever its output is. */
  async #answerOf({ request, outcome }: Run, agent: Agent | null): Promise<readonly Json[]> {
    if (outcome?.kind !== 'result') return [];
    const isAsked = request.messages !== undefined && request.messages.length > 0;
    const needsReply = isAsked && agent !== null && ownMessages(outcome.value) === null;
    return answeredMessages(outcome.value, needsReply ? await this.#replyOf(agent, outcome.value) : null);
  }
}

/** The status that a thread takes from its run. A cancelled run leaves the state as it was, so it is not an error. */
function threadStatusAfter(status: RunStatus, cancelled: boolean): ThreadStatus {
  if (status === 'interrupted') return 'interrupted';
  if (status === 'pending') return 'busy';
  return status === 'success' || cancelled ? 'idle' : 'error';
}

/**
 * Members that decide which agent runs, on what, where, or what the client gets of it, in any protocol that clients of the
 * gateway speak. An operation that does not have one refuses it, also where unknown fields are ignored: a run without
 * it would be another run than the one that was asked for, and cost as much. The text is the reason, after the member's name.
 */
const decisiveMembers: Readonly<Record<string, string>> = {
  agent_id: 'decides which agent runs',
  assistant_id: 'decides which agent runs',
  graph_id: 'decides which agent runs',
  thread_id: 'decides whose state the run continues',
  input: 'is what the agent gets',
  messages: 'is what the agent gets',
  context: 'is what the agent gets',
  config: 'is what the agent gets',
  command: 'resumes or redirects a run instead of starting one',
  checkpoint: 'decides which state the run continues',
  checkpoint_id: 'decides which state the run continues',
  checkpoint_ns: 'decides which state the run continues',
  checkpoint_map: 'decides which state the run continues',
  supersteps: 'is the state that the thread begins with',
  interrupt_before: 'decides where the run stops to ask',
  interrupt_after: 'decides where the run stops to ask',
  if_exists: 'decides what happens if the thread exists',
  if_not_exists: 'decides what happens without the thread',
  multitask_strategy: 'decides what happens to other runs of the thread',
  after_seconds: 'decides when the run starts',
  on_completion: 'decides whether the thread outlives the run',
  on_disconnect: 'decides whether the run outlives its reader',
  durability: 'decides what survives of a run that is cut off',
  checkpoint_during: 'decides what survives of a run that is cut off',
  stream_mode: 'decides what is streamed',
  streaming: 'decides what is streamed',
  webhook: 'decides who is told of the run',
};

const byPlainName = new Map(Object.keys(decisiveMembers).map((name) => [plain(name), name]));

/**
 * Why a member that an operation does not have must not be dropped, in words that follow its name; null where it may be. Other
 * spellings, such as `agentId`, count too. `known` are the members that the operation has.
 */
export function refuseDropping(member: string, known: ReadonlySet<string>): string | null {
  const name = byPlainName.get(plain(member));
  if (name === undefined) return null;
  const reason = `${decisiveMembers[name]}`;
  if (known.has(name)) return `${reason}, and is called ${name} here`;
  return `${reason}, which this operation does not take`;
}

/** Whether a value asks for nothing: some clients send every member that they have. */
export function asksNothing(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

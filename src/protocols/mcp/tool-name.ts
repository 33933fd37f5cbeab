import type { Agent } from '../../contract/domain/agent.ts';

/** What hosts and models take as the name of a tool. */
const legalName = /^[A-Za-z0-9_-]{1,64}$/;
const maxStem = 55;

/** Tools of the gateway itself, which an agent of the same name does not hide. */
export const runToolNames = ['get_run', 'resume_run', 'cancel_run'] as const;
export type RunToolName = (typeof runToolNames)[number];

export function isRunTool(name: string): name is RunToolName {
  return runToolNames.some((each) => each === name);
}

/** The name of an agent as a tool: its own, or, where no model would take that, one that ends with a part of its id. */
export function toolNameOf({ name, agentId }: Pick<Agent, 'name' | 'agentId'>): string {
  if (legalName.test(name) && !isRunTool(name)) return name;
  return `${name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, maxStem)}_${agentId.slice(0, 8)}`;
}

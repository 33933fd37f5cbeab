import { z } from 'zod';
import type { AnswerEvent } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { pathPart } from '../path.ts';

export const paths = {
  runWorkflow: '/workflows/run',
  runVersion: '/workflows/{workflowId}/run',
  runChatflow: '/chat-messages',
  stopWorkflow: '/workflows/tasks/{taskId}/stop',
  stopChatflow: '/chat-messages/{taskId}/stop',
  run: '/workflows/run/{runId}',
  events: '/workflow/{runId}/events',
  logs: '/workflows/logs',
  form: '/form/human_input/{formToken}',
} as const;

/** The members of an event's data that say what happened; the vendor's own `event` stands in the data. */
const eventData = z.looseObject({
  event: z.string(),
  task_id: pathPart.optional(),
  workflow_run_id: pathPart.optional(),
  status: z.union([z.number(), z.string()]).optional(),
  message: z.string().nullish(),
  data: z.custom<Json>().optional(),
});
export type DifyEvent = z.infer<typeof eventData>;

/** The vendor's event; null for a ping and for whatever is none. */
function readEvent({ data }: AnswerEvent): DifyEvent | null {
  const read = eventData.safeParse(data);
  return read.success ? read.data : null;
}

export const isNamed = (event: DifyEvent): boolean =>
  event.task_id !== undefined && event.workflow_run_id !== undefined;

/** A failure before the run began, or that ended its stream, is told in a stream whose status is 200. */
export const isError = ({ event }: DifyEvent): boolean => event === 'error';

/** Ends the head of a start's stream: it names the run, or says why there is none. */
export function isHead(event: AnswerEvent): boolean {
  const read = readEvent(event);
  return read !== null && (isError(read) || isNamed(read));
}

/** Ends what a paused run's stream shows. */
export function isRest(event: AnswerEvent): boolean {
  const name = readEvent(event)?.event;
  return name === 'workflow_paused' || name === 'workflow_finished' || name === 'error';
}

const stream = z
  .looseObject({ events: z.array(z.object({ event: z.string(), data: z.custom<Json>() })) })
  .transform(({ events }) => events.map(readEvent).filter((event) => event !== null));

export const pauseAnswer = stream;

export const startAnswer = stream.refine(
  (events) => events.some((event) => isError(event) || isNamed(event)),
  'names no run',
);

export const runAnswer = z.looseObject({ status: z.string().min(1), id: z.unknown().optional() });

export const logsAnswer = z.looseObject({
  data: z.array(
    z.looseObject({
      workflow_run: z.looseObject({ id: pathPart }),
      created_by_end_user: z.looseObject({ session_id: z.string().nullish() }).nullish(),
    }),
  ),
});

/** What a mapping's `resume` must make. */
export const submission = z.looseObject({
  formToken: pathPart,
  action: z.string().min(1),
  inputs: z.record(z.string(), z.custom<Json>()).default({}),
});

/** The run and the event of an interrupt, as the engine names it. */
type InterruptPlace = { readonly runId: string; readonly seq: number };

/** The id of an interrupt of a run; the next interrupt of the run has another one. */
export function interruptId({ runId, seq }: InterruptPlace): string {
  return `${runId}.${seq}`;
}

/** The run and event of an interrupt id; null for any other text. */
export function readInterruptId(text: string): InterruptPlace | null {
  const [, runId, seq] = /^([0-9a-f-]{36})\.(\d{1,15})$/.exec(text) ?? [];
  return runId === undefined || seq === undefined ? null : { runId, seq: Number(seq) };
}

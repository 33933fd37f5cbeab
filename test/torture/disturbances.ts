/** From when to when gateways were killed, paused or recovering, by the wall clock. */
export class Disturbances {
  readonly #spans: { readonly fromMs: number; untilMs: number }[] = [];

  /** A blow may fall from now on. Gives the function that says its effects are over. */
  begin(nowMs: number): (nowMs: number) => void {
    const span = { fromMs: nowMs, untilMs: Number.POSITIVE_INFINITY };
    this.#spans.push(span);
    return (endMs) => {
      span.untilMs = endMs;
    };
  }

  /** Whether no blow had its effects in that time. */
  isQuiet(fromMs: number, untilMs: number): boolean {
    return this.#spans.every((span) => span.untilMs < fromMs || span.fromMs > untilMs);
  }
}

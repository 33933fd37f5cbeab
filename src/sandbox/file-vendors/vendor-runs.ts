import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { findScript } from '../agents.ts';
import type { SharingVendor } from '../faults.ts';
import type { Ids } from '../ids.ts';
import type { RunTable, SandboxRun } from '../run-table.ts';
import type { View } from '../script.ts';
import { isLoopback, type WebhookSink } from '../webhook-sink.ts';
import type { Reply } from '../wire-host.ts';

export type VendorRunsDeps = { readonly runs: RunTable; readonly ids: Ids; readonly sink: WebhookSink };

/** What {@link VendorRuns} must know of a vendor's wire. */
export type Speech = {
  readonly vendor: SharingVendor;
  encodeError(status: number, message: string): Json;
  /** The form of its ids. */
  readonly newId: 'nanoId' | 'responseId' | 'uuid';
};

export type FileVendorStart = {
  /** The vendor's name of what is run: the name of a script. */
  readonly agent: string;
  readonly input: Json;
  /** What the vendor shows of the start in addition. */
  readonly labels?: JsonObject;
  /** Where the vendor is to report the end. */
  readonly push?: Push | undefined;
};

export type Push = { readonly url: string; readonly encode: (run: SandboxRun, view: View) => JsonObject | null };

/** What a vendor answers about a run. */
export type Show = (run: SandboxRun, view: View) => Json;

/** The runs at one vendor by file: what all of these vendors do, in no vendor's words. */
export class VendorRuns {
  readonly #vendor: SharingVendor;
  readonly #encodeError: Speech['encodeError'];
  readonly #newId: Speech['newId'];
  readonly #runs: RunTable;
  readonly #ids: Ids;
  readonly #sink: WebhookSink;

  constructor({ vendor, encodeError, newId }: Speech, { runs, ids, sink }: VendorRunsDeps) {
    this.#vendor = vendor;
    this.#encodeError = encodeError;
    this.#newId = newId;
    this.#runs = runs;
    this.#ids = ids;
    this.#sink = sink;
  }

  newId(): string {
    return this.#ids[this.#newId]();
  }

  refuse(status: number, message: string): Reply {
    return { status, body: this.#encodeError(status, message) };
  }

  start({ agent, input, labels, push }: FileVendorStart, show: Show, status = 200): Reply {
    const script = findScript('agent', agent);
    if (script === null) return this.refuse(404, `there is no ${agent}`);
    if (push !== undefined && !isLoopback(push.url)) return this.refuse(400, 'the sandbox calls this machine only');
    const place = { vendor: this.#vendor, scope: '', agent, script, groupId: '' };
    const { run, fault } = this.#runs.start({ ...place, input, runId: this.newId(), ...(labels && { labels }) });
    if (run === null) return { ...this.refuse(500, 'not started'), fault };
    if (push !== undefined) this.#sink.watch(run, push.url, {}, (view) => push.encode(run, view));
    return { status, body: show(run, this.#runs.view(run)), fault };
  }

  find(runId: string): SandboxRun | null {
    return this.#runs.find(this.#vendor, '', runId);
  }

  listNewest(max: number): readonly SandboxRun[] {
    return this.#runs.listNewest(this.#vendor, max);
  }

  /** The run as it is, without counting an observation. */
  viewOf(run: SandboxRun): View {
    return this.#runs.view(run);
  }

  observe(run: SandboxRun | null, show: Show): Reply {
    if (run === null) return this.refuse(404, 'the run is not known');
    const { view, fault } = this.#runs.observe(run);
    return view.kind === 'forgotten'
      ? { ...this.refuse(404, 'the run is not known'), fault }
      : { status: 200, body: show(run, view), fault };
  }

  /** Part of what a run shows, such as its result. */
  show(run: SandboxRun | null, show: Show): Reply {
    return run === null
      ? this.refuse(404, 'the run is not known')
      : { status: 200, body: show(run, this.#runs.view(run)) };
  }

  /** Ends a run. `tooLate` answers for one that has ended. */
  cancel(run: SandboxRun | null, show: Show, tooLate?: () => Reply): Reply {
    if (run === null) return this.refuse(404, 'the run is not known');
    if (this.#runs.cancel(run, 'cancelled-user-action', 'the run was canceled')) this.#sink.settle(run);
    else if (tooLate !== undefined) return tooLate();
    return this.show(run, show);
  }

  /** Gives a run that asks its answer. False: it does not ask. */
  answer(run: SandboxRun, payload: Json): boolean {
    if (questionOf(this.#runs.view(run)) === null) return false;
    const isTaken = this.#runs.send(run, 'resume', payload) === 'taken';
    this.#sink.settle(run);
    return isTaken;
  }
}

/** What a run asks of a human; null: nothing. */
export function questionOf(view: View): JsonObject | null {
  const output = view.kind === 'running' && isJsonObject(view.output) ? view.output.interrupt : undefined;
  return isJsonObject(output) ? output : null;
}

type Words = Readonly<Record<'queued' | 'running' | 'completed' | 'failed' | 'canceled', string>>;

/** A vendor's word for how a run is. */
export function wordOf(words: Words & { readonly asking?: string }, view: View): string {
  if (view.kind === 'odd') return view.status;
  if (view.kind === 'forgotten') return words.failed;
  return questionOf(view) === null ? words[view.kind] : (words.asking ?? words.running);
}

/** Why a run ended without a result; null: it did not. */
export function reasonOf(view: View): string | null {
  if (view.kind === 'failed') return view.failure.message;
  return view.kind === 'canceled' ? view.message : null;
}

export function outputOf(view: View): Json {
  return view.kind === 'completed' ? view.output : null;
}

/** An output as text, for vendors that answer with text. */
export function textOf(output: Json): string {
  if (typeof output === 'string') return output;
  if (isJsonObject(output) && typeof output.response === 'string') return output.response;
  return JSON.stringify(output);
}

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}

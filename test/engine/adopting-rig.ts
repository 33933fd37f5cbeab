import type { AdoptionCalls, AdoptionKind } from '../../src/contract/adapter/adapter.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { AdoptingVendor, cut, type StartFate } from './adopting-vendor.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

/** The one that the test under way has opened. */
export let rig: Rig;

const capable = { resume: false, cancel: true, push: true, session: false };

/** A rig whose vendor settles starts in one way. */
export async function openAdopting(
  adopt: AdoptionKind,
  vendor = new AdoptingVendor(),
  more: RigOptions = {},
): Promise<AdoptingVendor> {
  rig = await openRig({
    vendor,
    options: { push: { publicUrl: 'https://runs.example' }, secrets: ['hush'] },
    ...more,
    agent: { capabilities: { ...capable, adopt }, ...more.agent },
  });
  return vendor;
}

/** The run after its start had this fate; with `hang`, the process dies during the call and another takes over. */
export async function startWith(vendor: AdoptingVendor, fate: StartFate): Promise<Run> {
  vendor.fates.push(fate);
  const run = await rig.create();
  await rig.clock.settle();
  if (fate.answer === 'hang') await crash();
  return run;
}

/** Only its calls name the vendor's runs. */
export const unsearchable = (more: AdoptionCalls = {}): AdoptingVendor => {
  const vendor = new AdoptingVendor(more);
  delete vendor.adoption.find;
  return vendor;
};

/** The vendor calls the sink of the first start. */
export const push = (run: Run, body: object): Promise<boolean> =>
  rig.engine.acceptPush('scripted', (rig.vendor as AdoptingVendor).sinks[0] ?? run.runId, () => body as never);

/** Every way in which a start can leave it open what became of it, with the vendor having taken it. */
export const lost: readonly (readonly [string, StartFate])[] = [
  ['the process dies during the call', { taken: true, answer: 'hang' }],
  ['the answer is cut', { taken: true, answer: cut() }],
  ['the answer is not in time', { taken: true, answer: fault('unknown', { kind: 'timeout' }) }],
  ['the answer is unreadable', { taken: true, answer: fault('unknown', { kind: 'malformed' }) }],
  ['the answer is too large', { taken: true, answer: fault('unknown', { kind: 'too-large' }) }],
  ['a proxy answers 502 after the vendor took it', { taken: true, answer: fault('unknown', { httpStatus: 502 }) }],
];

/** The process dies, and another takes over. */
export async function crash(): Promise<void> {
  rig = await rig.crash();
}

/** Starts that the vendor does not answer. */
export function stubborn(count: number): readonly StartFate[] {
  return Array.from({ length: count }, () => ({ taken: false, answer: cut() }));
}

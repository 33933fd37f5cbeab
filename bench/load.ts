import autocannon from 'autocannon';
import type { Child } from './child.ts';
import { percentile } from './figures.ts';

export type Load = {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** A number of requests instead of a duration. */
  readonly amount?: number;
  /** One, or a sequence that each connection repeats. */
  readonly requests: readonly autocannon.Request[];
  /** The processes that are measured. */
  readonly subjects: readonly Child[];
  /**
   * Resolves with the number of units of work that the load caused, once they are done: what was acknowledged may be
   * done a moment later, and what was cut off at the end is work too. Left out, every answer is one.
   */
  readonly settled?: () => Promise<number>;
};

export type LoadResult = {
  readonly count: number;
  readonly perSecond: number;
  /** Of single requests. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the subjects for each unit. */
  readonly cpuMicros: number;
  /** The same of their main threads alone. */
  readonly mainThreadMicros: number;
  /** Processor time of this process, which is the load tool's, for each unit. */
  readonly toolCpuMicros: number;
};

/** How exactly the end of a load is met. */
const sampleMs = 50;

/** Puts a closed load on a server. Rejects when an answer is missing or not 2xx: errors would make the figure meaningless. */
export async function applyLoad(load: Load): Promise<LoadResult> {
  const { url, connections, seconds, amount, requests, subjects, settled } = load;
  const latenciesMs: number[] = [];
  const cpuMs = (): number => subjects.reduce((sum, subject) => sum + subject.cpuMs(), 0);
  const mainMs = (): number => subjects.reduce((sum, subject) => sum + subject.mainThreadMs(), 0);
  const [cpuBeforeMs, mainBeforeMs] = [cpuMs(), mainMs()];
  const toolBefore = process.cpuUsage();
  const startedMs = performance.now();
  const options = { url, connections, requests: [...requests], timeout: 30, sampleInt: sampleMs };
  const length = amount === undefined ? { duration: seconds } : { amount };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon({ ...options, ...length }, (error, finished) => {
      if (error === null || error === undefined) resolve(finished);
      else reject(error);
    });
    // The tool's own histogram has whole milliseconds.
    instance.on('response', (_client, _status, _bytes, responseTimeMs) => latenciesMs.push(responseTimeMs));
  });
  const count = (await settled?.()) ?? latenciesMs.length;
  const tookMs = performance.now() - startedMs;
  const tool = process.cpuUsage(toolBefore);
  if (result.errors > 0 || result.non2xx > 0 || latenciesMs.length === 0) {
    const answers = `${result.errors} errors, ${result.non2xx} answers that are not 2xx, ${latenciesMs.length} answers`;
    throw new Error(`${url}: ${answers}`);
  }
  return {
    count,
    perSecond: (count / tookMs) * 1000,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    cpuMicros: ((cpuMs() - cpuBeforeMs) * 1000) / count,
    mainThreadMicros: ((mainMs() - mainBeforeMs) * 1000) / count,
    toolCpuMicros: (tool.user + tool.system) / count,
  };
}

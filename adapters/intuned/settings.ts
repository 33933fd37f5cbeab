import { z } from 'zod';
import type { RunUrl } from '../../src/contract/adapter/adapter.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { headerValue, pathPart } from '../path.ts';

export const settings = z.strictObject({ workspaceId: pathPart, apiKey: headerValue });

/**
 * The options of Intuned's run start (design, section 9). Objects are loose: the vendor may know more than we do.
 * Null is the same as leaving an option out.
 */
export const runOptions = {
  retry: z.looseObject({ maximumAttempts: z.int().min(1).optional() }).nullish(),
  /** Seconds; the vendor's default is 600. */
  requestTimeout: z.int().min(1).nullish(),
  /** Such as `http://user:password@host:port`. */
  proxy: z.string().min(1).nullish(),
  saveTrace: z.boolean().nullish(),
  authSession: z
    .looseObject({
      id: z.string().min(1).optional(),
      runtimeInput: z.json().optional(),
      autoRecreate: z.boolean().optional(),
      checkAttempts: z.int().min(1).optional(),
      createAttempts: z.int().min(1).optional(),
    })
    .nullish(),
  sink: z.looseObject({ type: z.string().min(1) }).nullish(),
};
export const optionNames = Object.keys(runOptions) as readonly (keyof typeof runOptions)[];

export const target = z.strictObject({ project: pathPart, api: z.string().min(1), ...runOptions });
export type Target = z.infer<typeof target>;

/** A run's `config`: the options themselves, or under `configurable` as ACP 0.2 and the Agent Protocol nest them. */
export const runConfig = z.looseObject({ ...runOptions, configurable: z.looseObject(runOptions).nullish() });

/** Where a run's own options send the vendor: its proxy, its sink, and the endpoint of a sink that is a store. */
export function findUrls(config: JsonObject): readonly RunUrl[] {
  const run = runConfig.safeParse(config);
  if (!run.success) return [];
  const { configurable, ...options } = run.data;
  return [...urlsIn(options, ''), ...urlsIn(configurable ?? {}, 'configurable/')];
}

function urlsIn({ proxy, sink }: Pick<z.output<typeof runConfig>, 'proxy' | 'sink'>, at: string): readonly RunUrl[] {
  const urls = [
    { path: `${at}proxy`, url: proxy, isProxy: true },
    { path: `${at}sink/url`, url: sink?.url, isProxy: false },
    { path: `${at}sink/endpoint`, url: sink?.endpoint, isProxy: false },
  ];
  return urls.flatMap(({ url, ...rest }) => (typeof url === 'string' ? [{ ...rest, url }] : []));
}

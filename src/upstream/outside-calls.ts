import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Runs work outside the context of any call. A socket and a timer keep the context in which they are made for as long as
 * they live. One that many calls share would keep the call that happened to make it, with its run, its agent and the whole
 * config of that time.
 */
export const outsideCalls: <T>(work: () => T) => T = AsyncLocalStorage.snapshot();

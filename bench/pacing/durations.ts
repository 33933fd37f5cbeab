/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How long the runs of an agent take. */
export type Durations = {
  readonly name: string;
  /** One run's, in milliseconds. */
  readonly drawMs: (random: () => number) => number;
};

/** The shortest duration, so that a normal distribution stays above zero. */
const shortestMs = 50;

export const logNormal: Durations = {
  name: 'log-normal, median 20 s, sigma 1',
  drawMs: (random) => atLeast(20_000 * Math.exp(drawNormal(random))),
};

export const narrow: Durations = {
  name: 'narrow, median 60 s, cv 0.1',
  drawMs: (random) => atLeast(60_000 * (1 + 0.1 * drawNormal(random))),
};

/** Both kinds as spread as the narrow ones: runs that all take exactly 2 s would flatter a poller that learns. */
export const bimodal: Durations = {
  name: 'bimodal, 2 s and 10 min, cv 0.1 each',
  drawMs: (random) => atLeast((random() < 0.5 ? 2000 : 600_000) * (1 + 0.1 * drawNormal(random))),
};

/** Answers at once, as functions and small models do. */
export const short: Durations = {
  name: 'short, log-normal, median 20 ms, sigma 1',
  drawMs: (random) => Math.max(1, 20 * Math.exp(drawNormal(random))),
};

/** One agent that answers some inputs at once and works on others. */
export const mixed: Durations = {
  name: 'mixed, 20 ms and 30 s, cv 0.1 each',
  drawMs: (random) => Math.max(1, (random() < 0.5 ? 20 : 30_000) * (1 + 0.1 * drawNormal(random))),
};

/** For an agent without history: from the floor of the pace to the default deadline, every order of magnitude alike. */
export const anything: Durations = {
  name: 'no history, log-uniform 250 ms to 1 h',
  drawMs: (random) => 250 * 14_400 ** random(),
};

export function drawRuns({ drawMs }: Durations, count: number, random: () => number): readonly number[] {
  return Array.from({ length: count }, () => drawMs(random));
}

/** The Box-Muller transform. */
function drawNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function atLeast(durationMs: number): number {
  return Math.max(durationMs, shortestMs);
}

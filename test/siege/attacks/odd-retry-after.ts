import { oddAgent, oddAnswers } from '../config.ts';
import { repeat, type Site } from '../site.ts';

const promptMs = 6000;

/** A4: looks of single runs are answered with Retry-After on statuses that pause no account; all others go on. */
export async function answerOddly(site: Site): Promise<void> {
  const doomed: (string | null)[] = [];
  for (const [status, retryAfter] of oddAnswers)
    doomed.push(await site.create(oddAgent(status, retryAfter), { n: status }));
  // The only answer here that may pause an account, which has a run of its own: a probe ends the pause after a second.
  const probed = await site.create('probed', { n: 'probed' });
  await repeat(site, async (round) => {
    const id = await site.create('quick', { n: `spared-${round}`, ms: 100 });
    const outcome = id === null ? null : await site.outcome(id, { withinMs: promptMs });
    if (outcome !== null && !outcome.includes('"success"')) site.fault(`another run: ${outcome.slice(0, 200)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  const outcome = probed === null ? null : await site.outcome(probed);
  if (outcome !== null && !outcome.includes('"success"'))
    site.fault(`a paused account's run: ${outcome.slice(0, 200)}`);
  for (const id of doomed) if (id !== null) await site.call('DELETE', `/runs/${id}`);
}

// Kills gateways in the middle of runs of the published client of AG-UI, on SQLite and with two replicas on PostgreSQL.
//
//   npm run test:ag-ui [-- --rounds N]
import { parseArgs } from 'node:util';
import { playInEachPlace } from '../../gateway/killed-gateways.ts';
import { surviveKills } from './kills.ts';

// After a cut the client (1.0.0) cancels the body that broke, awaits that nowhere, and reports the cut on the console.
process.on('unhandledRejection', (error) => {
  if (!(error instanceof TypeError && error.message === 'terminated')) throw error;
});
console.error = () => {};

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const rounds = Number(values.rounds);
const giveUpMs = 120_000 * (rounds + 1);
setTimeout(() => {
  process.stdout.write('took too long\n');
  process.exit(1);
}, giveUpMs).unref();

await playInEachPlace(async (place) => {
  const { kills, starts, runs } = await surviveKills(place, rounds);
  process.stdout.write(
    `${place.name}: ${runs} runs over ${kills} kills, ${starts} starts at the vendor, none lost, none twice\n`,
  );
});

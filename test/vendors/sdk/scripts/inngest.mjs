import { Inngest } from 'inngest';

const client = new Inngest({ id: 'app', eventKey: 'ek-1', baseUrl: process.argv[2], isDev: false });
const { ids } = await client.send({ id: 'run-1', name: 'report/asked', data: { day: 1 } });
process.stdout.write(JSON.stringify({ id: ids[0], status: 'sent' }));

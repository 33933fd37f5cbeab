import { type Command, exitCodes, portFlag, say } from './command.ts';
import { awaitStop, takeHangups } from './signals.ts';

/** `rungate sandbox`: the stand-ins of the vendors alone. */
export const sandbox: Command = {
  name: 'sandbox',
  usages: [{ call: 'sandbox [--port N]', help: ['run the vendor stand-ins alone; N to N+3'] }],
  // Clients and tests that start the stand-ins themselves need ports that they know beforehand.
  flags: { port: { ...portFlag, help: 'First of the ports to listen on. Default: free ones.' } },
  run: async (line) => {
    takeHangups(() => undefined);
    const { port = 0 } = line;
    const ports =
      port === 0 ? {} : { intunedPort: port, restackPort: port + 1, controlPort: port + 2, vendorsPort: port + 3 };
    const { startSandbox } = await import('../sandbox/sandbox.ts');
    const started = await startSandbox(ports);
    const urls = { intuned: started.intunedUrl, restack: started.restackUrl, vendors: started.vendorsUrl };
    const lines = Object.entries({ ...urls, control: started.controlUrl }).map(([name, url]) => `${name}: ${url}\n`);
    await say(lines.join(''));
    await awaitStop();
    await started.close();
    return exitCodes.ok;
  },
};

import { createServer, request } from 'node:http';

/** Stands in front of a server, passes every call on, and ends one stream in its middle when it is asked to. */
export async function startCuttingProxy(url) {
  const target = new URL(url);
  const calls = [];
  let cutsAt = null;
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const isStream = /\/stream(?:\?|$)/.test(path);
    if (isStream) calls.push({ method, resumes: headers['last-event-id'] !== undefined });
    const cut = isStream && method === 'POST' ? cutsAt : null;
    if (cut !== null) cutsAt = null;
    const { hostname, port } = target;
    const passed = request({ hostname, port, method, path, headers: { ...headers, host: target.host } }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      let events = 0;
      answer.on('data', (chunk) => {
        // What came before has reached the client. Both sides are closed as by a network that is gone, with no end of the answer.
        if (cut !== null && events >= cut) {
          outgoing.destroy();
          passed.destroy();
          return;
        }
        outgoing.write(chunk);
        events += String(chunk).split(/^event:/m).length - 1;
      });
      answer.on('end', () => outgoing.end());
      answer.on('error', () => outgoing.destroy());
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${target.pathname.replace(/\/$/, '')}`,
    /** The streams that were asked for since the last time this was called. */
    takeCalls: () => calls.splice(0),
    /** Ends the next run's stream after so many events. */
    cutAfter: (events) => {
      cutsAt = events;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.ts';

/** nginx as a pass-through to one upstream, one process; or the reason why it is not available. */
export async function startNginx(
  scratch: string,
  upstreamUrl: string,
): Promise<{ readonly child: Child; readonly url: string } | { readonly unavailable: string }> {
  const command = findNginx();
  if (command === null) return { unavailable: 'nginx is not installed' };
  const port = await findFreePort();
  const directory = join(scratch, 'nginx');
  mkdirSync(directory);
  const file = join(directory, 'nginx.conf');
  writeFileSync(file, configure(directory, port, new URL(upstreamUrl).host));
  const child = new Child({ command, args: ['-p', directory, '-c', file, '-e', 'stderr'] });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 100; tries += 1) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isUp) return { child, url };
    await sleep(50);
  }
  await child.stop();
  return { unavailable: 'nginx did not start' };
}

function findNginx(): string | null {
  for (const command of ['nginx', '/usr/sbin/nginx']) {
    try {
      execFileSync(command, ['-v'], { stdio: 'ignore' });
      return command;
    } catch {
      // Not under this name.
    }
  }
  return null;
}

function configure(directory: string, port: number, upstream: string): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(directory, kind)};`)
    .join('\n  ');
  // One process without a master, so that what is measured is one process as with the others.
  return `
daemon off;
master_process off;
pid ${join(directory, 'nginx.pid')};
events { worker_connections 1024; }
http {
  ${paths}
  access_log off;
  keepalive_requests 1000000000;
  upstream vendor { server ${upstream}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://vendor;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

async function findFreePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => {
    probe.listen(0, '127.0.0.1', resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => {
    probe.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

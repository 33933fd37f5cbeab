import { createReadStream, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Router, RouterContext } from '@koa/router';
import { type DocumentOptions, describeProtocol } from '../protocols/shared/openapi.ts';
import type { Mount } from './router.ts';

export const docsPath = '/docs';

/** The files of the page, from its package: nothing is fetched from elsewhere. */
const assets: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-standalone-preset.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** The page may talk to its own host alone, and run nothing that did not come from there. The package styles inline. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rungate API</title>
<link rel="icon" href="${docsPath}/favicon-32x32.png">
<link rel="stylesheet" href="${docsPath}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${docsPath}/swagger-ui-bundle.js"></script>
<script src="${docsPath}/swagger-ui-standalone-preset.js"></script>
<script src="${docsPath}/start.js"></script>
</body>
</html>
`;

export type ReferenceOptions = DocumentOptions & { readonly mounts: readonly Mount[] };

/** Adds each mount's `/openapi.json`, and `/docs`, the page that shows them. */
export function addReference(router: Router, { mounts, ...options }: ReferenceOptions): void {
  for (const { protocol, prefix } of mounts) {
    // Written on the first request: it takes longer than a request should wait twice, and many gateways are never asked.
    let text: string | undefined;
    router.get(`${prefix}/openapi.json`, (context) => {
      text ??= JSON.stringify(describeProtocol(protocol, prefix, options));
      send(context, 'application/json', text);
    });
  }
  router.get(docsPath, (context) => send(context, 'text/html; charset=utf-8', page));
  router.get(`${docsPath}/start.js`, (context) => send(context, 'text/javascript; charset=utf-8', startScript(mounts)));
  for (const [name, type] of Object.entries(assets)) {
    router.get(`${docsPath}/${name}`, (context) => {
      context.set('Cache-Control', 'public, max-age=3600');
      send(context, type, createReadStream(locateAsset(name)));
    });
  }
}

const copiesFolder = fileURLToPath(new URL('../../swagger-ui', import.meta.url));

/** The published package has the files beside its code, a clone in the development dependency. */
function locateAsset(name: string): string {
  const copied = join(copiesFolder, name);
  return existsSync(copied) ? copied : createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`);
}

function send(context: RouterContext, type: string, body: string | NodeJS.ReadableStream): void {
  context.set('Content-Security-Policy', pagePolicy);
  context.set('Content-Type', type);
  context.body = body;
}

/** Every protocol under its own prefix; the root's comes first. */
function startScript(mounts: readonly Mount[]): string {
  const root = mounts.find(({ prefix }) => prefix === '');
  const urls = mounts
    .filter(({ prefix }) => prefix !== '')
    .toSorted((a, b) => Number(b.protocol === root?.protocol) - Number(a.protocol === root?.protocol))
    .map(({ protocol, prefix }) => ({
      name: `${protocol.about.title} ${protocol.about.version}`,
      url: `${prefix}/openapi.json`,
    }));
  const options = { dom_id: '#swagger-ui', urls, layout: 'StandaloneLayout', deepLinking: true, validatorUrl: null };
  return `window.ui = SwaggerUIBundle({
  ...${JSON.stringify(options)},
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
});
`;
}

import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Context, Middleware } from 'koa';
import { describeProtocol } from '../protocols/shared/openapi.ts';
import type { Mount } from './routes.ts';

const place = '/docs';

/** What the page is made of, out of its package: nothing is fetched from elsewhere. */
const assets: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-standalone-preset.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** The page may talk to its own host alone, and run nothing that did not come from there. The package styles inline. */
const pageHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rungate API</title>
<link rel="icon" href="${place}/favicon-32x32.png">
<link rel="stylesheet" href="${place}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${place}/swagger-ui-bundle.js"></script>
<script src="${place}/swagger-ui-standalone-preset.js"></script>
<script src="${place}/start.js"></script>
</body>
</html>
`;

/** Each mount's `/openapi.json`, and `/docs`, the page that shows them. */
export function answerReference(mounts: readonly Mount[]): Middleware {
  // Made when it is first asked for: it takes longer than a request should wait twice, and many never ask.
  const documents = new Map<string, string>();
  const documentOf = (mount: Mount): string => {
    const known = documents.get(mount.prefix);
    if (known !== undefined) return known;
    const text = JSON.stringify(describeProtocol(mount.protocol, mount.prefix));
    documents.set(mount.prefix, text);
    return text;
  };
  return async (context, next) => {
    if (context.method !== 'GET' && context.method !== 'HEAD') return await next();
    const mount = mounts.find(({ prefix }) => context.path === `${prefix}/openapi.json`);
    if (mount !== undefined) return send(context, 'application/json', documentOf(mount));
    if (context.path === place) return send(context, 'text/html; charset=utf-8', page);
    if (!context.path.startsWith(`${place}/`)) return await next();
    const name = context.path.slice(place.length + 1);
    if (name === 'start.js') return send(context, 'text/javascript; charset=utf-8', startScript(mounts));
    const type = Object.hasOwn(assets, name) ? assets[name] : undefined;
    if (type === undefined) return await next();
    context.set('Cache-Control', 'public, max-age=3600');
    send(context, type, createReadStream(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`))));
  };
}

function send(context: Context, type: string, body: string | NodeJS.ReadableStream): void {
  context.status = 200;
  context.set(pageHeaders);
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

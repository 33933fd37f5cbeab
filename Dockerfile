# Production dependencies alone, installed once, apart from the sources: a change of code does not install anew.
FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# None of them has an install script, and none that a later version brings is to run unseen.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
COPY adapters ./adapters
COPY mappings ./mappings
# The store of the default config. All else may be read-only: docker run --read-only.
RUN mkdir /app/data /app/compile-cache && chown node:node /app/data /app/compile-cache
USER node
# Half of a start is the compiling of sources: what is compiled here is not compiled at each start.
ENV NODE_COMPILE_CACHE=/app/compile-cache
RUN node src/main.ts --help
VOLUME /app/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/live').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Mount the config there. Host and port stand here, so that the config cannot part them from what is exposed and probed.
CMD ["node", "src/main.ts", "serve", "--config", "/etc/rungate/rungate.yaml", "--host", "0.0.0.0", "--port", "8080"]

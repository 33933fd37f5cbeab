# The package that is published, made from the sources and from the packages of the lock file. None of them has an install
# script that is needed, and none that a later version brings is to run unseen.
FROM node:26-slim AS package
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json LICENSE README.md CHANGELOG.md rungate.example.yaml ./
COPY src ./src
COPY adapters ./adapters
COPY mappings ./mappings
COPY schema ./schema
COPY bin ./bin
COPY deploy ./deploy
RUN npm pack --pack-destination /tmp && mkdir /app && tar -xzf /tmp/rungate-*.tgz -C /app --strip-components=1

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=package /app ./
# The store of the default config. All else may be read-only: docker run --read-only.
RUN mkdir /app/data /app/compile-cache && chown 1000:1000 /app/data /app/compile-cache
# The user `node` of the base image. Numeric, so that a cluster can tell that it is not root.
USER 1000:1000
# What is compiled here is not compiled at each start. Another command than `serve` has other flags of V8, and another cache.
ENV NODE_COMPILE_CACHE=/app/compile-cache
RUN cd /tmp && (timeout 10 node /app/bin/rungate.cjs serve --sandbox --port 0 || test $? -eq 124) && rm -r /tmp/data
VOLUME /app/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/live').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Mount the config there. Host and port stand here, so that the config cannot part them from what is exposed and probed.
CMD ["node", "bin/rungate.cjs", "serve", "--config", "/etc/rungate/rungate.yaml", "--host", "0.0.0.0", "--port", "8080"]

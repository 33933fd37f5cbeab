# Production dependencies alone, installed once, apart from the sources: a change of code does not install anew.
FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
COPY adapters ./adapters
COPY mappings ./mappings
# The store of the default config; mount a volume here.
RUN mkdir -p /app/data && chown node:node /app/data
USER node
EXPOSE 8080
VOLUME /app/data
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/live').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Mount the config: docker run -v ./rungate.yaml:/etc/rungate/rungate.yaml:ro -p 8080:8080 rungate
CMD ["node", "src/main.ts", "serve", "--config", "/etc/rungate/rungate.yaml", "--host", "0.0.0.0"]

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { adapters } from '../../adapters/index.ts';
import { root } from '../../schema/generate/files.ts';
import { parseConfig } from '../../src/config/load.ts';
import { checkWithoutValues } from '../../src/config/unknown-values.ts';
import { counters, gauges, histograms } from '../../src/observability/metric-tables.ts';

// What deploy/ has for others' programs: each file is read by the program it is for where that is installed, and by the
// rules that matter here everywhere.

const folder = join(root, 'deploy');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
/** Installed by the machine or not at all. */
const programs = { promtool: 'promtool', systemd: 'systemd-analyze' } as const;
const findProgram = (name: string) => spawnSync(name, ['--version']).status === 0;
const drainSeconds = 10;

const metricNames = new Set([
  ...Object.keys(counters).map((name) => `rungate_${name}_total`),
  ...Object.keys(gauges).map((name) => `rungate_${name}`),
  ...Object.keys(histograms).flatMap((name) => ['bucket', 'count', 'sum'].map((part) => `rungate_${name}_${part}`)),
]);
const labels: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries({ ...counters, ...gauges, ...histograms }).map(([name, row]) => [name, row.labels]),
);
/** Labels that Prometheus adds. */
const addedLabels = ['instance', 'job', 'le'];

/** Metrics and labels of an expression that the gateway does not have. */
function findUnknown(expression: string): readonly string[] {
  const names = [...expression.matchAll(/\brungate_\w+/g)].map(([name]) => name);
  const known = names.flatMap(
    (name) => labels[name.replace(/^rungate_/, '').replace(/_(total|bucket|count|sum)$/, '')] ?? [],
  );
  const matched = [...expression.matchAll(/(\w+)\s*(?:=~|!=|!~|=)\s*"/g)].map(([, label = '']) => label);
  const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  return [
    ...names.filter((name) => !metricNames.has(name)),
    ...[...matched, ...grouped].filter((label) => ![...known, ...addedLabels].includes(label)),
  ];
}

describe('the rules of Prometheus', () => {
  const alert = z.strictObject({
    alert: z.string().regex(/^Rungate[A-Z]\w+$/),
    expr: z.string(),
    for: z.string().optional(),
    labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
    annotations: z.strictObject({ summary: z.string(), description: z.string() }),
  });
  const rules = z
    .strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alert) })) })
    .parse(parse(read('prometheus/rules.yaml')))
    .groups.flatMap((group) => group.rules);

  test('every alert reads metrics and labels that the gateway has', () => {
    expect(rules.length).toBeGreaterThan(9);
    expect(rules.map(({ alert: name, expr }) => [name, findUnknown(expr)])).toEqual(
      rules.map(({ alert: name }) => [name, []]),
    );
    expect(findUnknown('sum by (shop) (rungate_lost{backend="a"})')).toEqual(['rungate_lost', 'backend', 'shop']);
  });

  test('every alert fires in the unit tests of the rules, and stands in the manual', () => {
    const tests = read('prometheus/rules.test.yaml');
    const manual = readFileSync(join(root, 'docs/operate/deploy.md'), 'utf8');
    for (const { alert: name } of rules) {
      expect(tests).toContain(`alertname="${name}"`);
      expect(manual).toContain(`\`${name}\``);
    }
  });

  test.skipIf(!findProgram(programs.promtool))(
    'promtool takes the rules and their unit tests (skipped without promtool)',
    () => {
      for (const words of [
        ['test', 'rules', 'rules.test.yaml'],
        ['check', 'config', 'prometheus.yml'],
      ]) {
        const { status, stdout, stderr } = spawnSync(programs.promtool, words, {
          ...{ cwd: join(folder, 'prometheus'), encoding: 'utf8' },
        });
        expect([status, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining('SUCCESS')]);
      }
    },
  );
});

test('every panel of the Grafana board reads metrics and labels that the gateway has', () => {
  const target = z.object({ refId: z.string(), expr: z.string() });
  const panel = z.object({
    id: z.int(),
    title: z.string().min(1),
    datasource: z.object({ uid: z.literal(['$', '{datasource}'].join('')) }),
    gridPos: z.object({ x: z.int().max(23), y: z.int(), w: z.int(), h: z.int() }),
    targets: z.array(target).min(1),
  });
  const board = z
    .object({ uid: z.literal('rungate'), schemaVersion: z.int(), panels: z.array(panel) })
    .parse(JSON.parse(read('grafana/rungate.json')));
  expect(board.panels.length).toBeGreaterThan(12);
  expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  const expressions = board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  expect(expressions.flatMap(findUnknown)).toEqual([]);
  const shown = new Set(expressions.flatMap((expr) => [...expr.matchAll(/rungate_[a-z_]+/g)].map(([name]) => name)));
  // The one that the gateway exists for.
  expect(shown).toContain('rungate_finish_lag_seconds_bucket');
});

describe('the unit of systemd', () => {
  const lines = read('rungate.service').split('\n');
  const setting = (key: string) => lines.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);

  test('it reloads by SIGHUP, and is given longer than a drain', () => {
    expect([setting('Type'), setting('ExecReload'), setting('DynamicUser')]).toEqual([
      'exec',
      'kill -HUP $MAINPID',
      'yes',
    ]);
    expect(Number(setting('TimeoutStopSec'))).toBeGreaterThan(drainSeconds);
  });

  test.skipIf(!findProgram(programs.systemd))('systemd takes it (skipped without systemd)', () => {
    const { status, stderr } = spawnSync(programs.systemd, ['verify', join(folder, 'rungate.service')], {
      encoding: 'utf8',
    });
    expect([status, stderr.split('\n').filter((line) => line.includes('rungate.service'))]).toEqual([0, []]);
  });
});

describe('compose.yaml', () => {
  const mount = z.string().regex(/^(\.\/)?[\w./-]+:\/[\w./-]+(:ro)?$/);
  const service = z.object({
    image: z.string(),
    ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)).optional(),
    volumes: z.array(mount).optional(),
    secrets: z.array(z.string()).optional(),
    stop_grace_period: z.string().optional(),
    read_only: z.boolean().optional(),
  });
  const file = z
    .object({
      services: z.record(z.string(), service),
      secrets: z.record(z.string(), z.object({ file: z.string() })),
      volumes: z.record(z.string(), z.null()),
    })
    .parse(parse(read('compose.yaml'), { merge: true }));

  test('it has two replicas, and no port beyond this machine', () => {
    const { first, second, ...others } = file.services;
    expect([first?.image, second?.image, Object.keys(others)]).toEqual([
      ...['rungate', 'rungate', ['postgres', 'prometheus', 'grafana']],
    ]);
    expect(Number.parseInt(first?.stop_grace_period ?? '', 10)).toBeGreaterThan(drainSeconds);
    expect(first?.read_only).toBe(true);
  });

  test('every file and volume that it mounts is there', () => {
    for (const { volumes = [], secrets = [] } of Object.values(file.services)) {
      for (const [source = ''] of volumes.map((volume) => volume.split(':'))) {
        if (source.startsWith('./'))
          expect(readdirSync(join(folder, source, '..'))).toContain(source.split('/').at(-1));
        else expect(Object.keys(file.volumes)).toContain(source);
      }
      for (const secret of secrets) expect(Object.keys(file.secrets)).toContain(secret);
    }
  });

  test('its config is one, and lets Prometheus in by the names of the replicas', async () => {
    const config = await checkWithoutValues(join(folder, 'rungate.yaml'), adapters);
    expect(config?.server).toMatchObject({ host: '0.0.0.0', hosts: ['first', 'second'], metrics: true });
    expect(read('prometheus/prometheus.yml')).toContain('[first:8080, second:8080]');
  });
});

describe('the manifests of Kubernetes', () => {
  const documents = readdirSync(join(folder, 'kubernetes')).flatMap((name) =>
    parseAllDocuments(read(`kubernetes/${name}`)).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as { kind: string; apiVersion: string; data?: Record<string, string>; spec?: unknown };
    }),
  );
  const probe = (path: string) => z.object({ httpGet: z.object({ path: z.literal(path), port: z.literal('http') }) });
  const deployment = z.object({
    replicas: z.int().min(2),
    template: z.object({
      spec: z.object({
        automountServiceAccountToken: z.literal(false),
        terminationGracePeriodSeconds: z.int(),
        securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.int().min(1) }),
        containers: z.tuple([
          z.object({
            image: z.string().regex(/^rungate:\d/),
            startupProbe: probe('/health/live'),
            livenessProbe: probe('/health/live'),
            readinessProbe: probe('/health/ready'),
            lifecycle: z.object({ preStop: z.object({ sleep: z.object({ seconds: z.int().min(1) }) }) }),
            securityContext: z.object({
              allowPrivilegeEscalation: z.literal(false),
              readOnlyRootFilesystem: z.literal(true),
              capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
            }),
            volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string(), readOnly: z.literal(true) })),
          }),
        ]),
      }),
    }),
  });

  test('they are a config, replicas without privileges, a service and a budget of disruptions', () => {
    expect(documents.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Deployment', 'Service', 'PodDisruptionBudget']);
    expect(documents.map(({ apiVersion }) => apiVersion)).toEqual(['v1', 'apps/v1', 'v1', 'policy/v1']);
  });

  test('a pod is given longer than its pause before the stop and its drain together', async () => {
    const { spec } = deployment.parse(documents.find(({ kind }) => kind === 'Deployment')?.spec).template;
    const text = documents.find(({ kind }) => kind === 'ConfigMap')?.data?.['rungate.yaml'] ?? '';
    // A key of a client is known by its SHA-256; the others take any text.
    const filled = text
      .replaceAll(/\$\{FILE:[^}]*sha256\}/g, 'a'.repeat(64))
      .replaceAll(/\$\{FILE:[^}]*url\}/g, 'postgres://a@h/d')
      .replaceAll(/\$\{FILE:[^}]*\}/g, 'secret');
    const config = await parseConfig(filled, { file: 'rungate.yaml', env: {}, registry: adapters });
    const { seconds } = spec.containers[0].lifecycle.preStop.sleep;
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(seconds + config.server.drainSeconds);
    for (const [, path = ''] of text.matchAll(/\$\{FILE:([^}]*)\}/g)) {
      expect(spec.containers[0].volumeMounts.map(({ mountPath }) => mountPath)).toContain(path.replace(/\/[^/]*$/, ''));
    }
  });
});

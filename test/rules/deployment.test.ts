import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CONFIG_VARIABLES } from '../../src/config/variables';
import { loadConfig } from '../../src/config/config';

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly image: string;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Deployment {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsUser: number; readonly runAsNonRoot: boolean };
        readonly containers: readonly [Container];
        readonly volumes: readonly {
          readonly name: string;
          readonly secret?: { readonly secretName: string };
        }[];
      };
    };
  };
}

const folder = 'deploy/kubernetes';

function read(path: string): unknown {
  return parse(readFileSync(path, 'utf8'), { version: '1.2' });
}

const deployment = read(join(folder, 'deployment.yaml')) as Deployment;
const { spec: pod } = deployment.spec.template;
const [container] = pod.containers;
const secret = read(join(folder, 'secret.yaml')) as {
  metadata: { name: string };
  stringData: Readonly<Record<string, string>>;
};
const service = read(join(folder, 'service.yaml')) as {
  metadata: { name: string };
  spec: { selector: object; ports: readonly { port: number; targetPort: string }[] };
};

describe('deploy/kubernetes', () => {
  it('sets only variables that the service knows, also in comments', () => {
    const known = CONFIG_VARIABLES.flatMap(({ name, isSecret }) =>
      isSecret ? [name, `${name}_FILE`] : [name],
    );
    const text = readFileSync(join(folder, 'deployment.yaml'), 'utf8');
    const set = Array.from(text.matchAll(/- name: ([A-Z][A-Z_]+)$/gm), ([, name = '']) => name);
    expect(set.length).toBeGreaterThan(8);
    expect(set.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('starts the service once the secrets are filled in, and not before', () => {
    const start = (filling: string): unknown =>
      loadConfig(
        Object.fromEntries(
          container.env.map(({ name, value }) => {
            const given = secret.stringData[value.split('/').at(-1) ?? ''];
            return given === undefined ? [name, value] : [name.replace(/_FILE$/, ''), given || filling];
          }),
        ),
      );
    expect(() => start('')).toThrow('SINCH_WEBHOOK_SECRETS is missing');
    expect(start('x'.repeat(32))).toMatchObject({
      port: container.ports[0]?.containerPort,
      dataDir: null,
      databaseUrl: expect.any(String),
      databaseOwnerUrl: expect.any(String),
    });
  });

  it('mounts the Secret where the variables look for files, and the Secret has all of them', () => {
    const mount = container.volumeMounts.find(({ name }) => name === 'secrets')?.mountPath ?? '';
    expect(pod.volumes.find(({ name }) => name === 'secrets')?.secret?.secretName).toBe(secret.metadata.name);
    const text = readFileSync(join(folder, 'deployment.yaml'), 'utf8');
    const keys = Array.from(text.matchAll(/value: (\/run\/\S+)$/gm), ([, path = '']) => path);
    const secretText = readFileSync(join(folder, 'secret.yaml'), 'utf8');
    for (const path of keys) {
      expect(path.startsWith(`${mount}/`)).toBe(true);
      expect(secretText).toMatch(new RegExp(`^ {2}(?:# )?${path.slice(mount.length + 1)}: `, 'm'));
    }
  });

  it('probes routes that the service has, at the port where it listens', () => {
    const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as { paths: object };
    const { startupProbe, livenessProbe, readinessProbe } = container;
    for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
      expect(Object.keys(paths)).toContain(httpGet.path);
      expect(httpGet.port).toBe(container.ports[0]?.name);
    }
    expect([livenessProbe.httpGet.path, readinessProbe.httpGet.path]).toEqual([
      '/health/live',
      '/health/ready',
    ]);
  });

  it('selects its own pods by the Service and the PodDisruptionBudget, and leads the Ingress to the Service', () => {
    const { labels } = deployment.spec.template.metadata;
    const budget = read(join(folder, 'pod-disruption-budget.yaml')) as {
      spec: { maxUnavailable: number; selector: { matchLabels: object } };
    };
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(service.spec.selector).toEqual(labels);
    expect(budget.spec.selector.matchLabels).toEqual(labels);
    expect(budget.spec.maxUnavailable).toBeLessThan(deployment.spec.replicas);
    const ingress = read(join(folder, 'ingress.yaml'));
    expect(JSON.stringify(ingress)).toContain(
      JSON.stringify({ service: { name: service.metadata.name, port: { name: 'http' } } }),
    );
    expect(service.spec.ports[0]?.targetPort).toBe(container.ports[0]?.name);
  });

  it('lists every manifest in the kustomization, and sets the image of the container', () => {
    const { resources, images } = read(join(folder, 'kustomization.yaml')) as {
      resources: readonly string[];
      images: readonly { name: string; newTag: string }[];
    };
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    for (const name of resources) expect(read(join(folder, name))).toHaveProperty('kind');
    expect(images).toEqual([expect.objectContaining({ name: container.image, newTag: version })]);
  });

  it('runs as the user of the image, and waits longer for the stop than a drain may take', () => {
    expect(readFileSync('Dockerfile', 'utf8')).toContain(`USER ${pod.securityContext.runAsUser}:`);
    expect(pod.securityContext.runAsNonRoot).toBe(true);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(15);
  });
});

describe('the release workflow', () => {
  const { jobs } = read('.github/workflows/release.yml') as {
    jobs: Readonly<
      Record<string, { needs?: string; steps: readonly { run?: string; uses?: string; with?: object }[] }>
    >;
  };

  it('runs .ci/run before it builds an image for both architectures, with provenance and SBOM', () => {
    expect(jobs['check']?.steps.some(({ run }) => run?.includes('.ci/run') === true)).toBe(true);
    expect(jobs['image']?.needs).toBe('check');
    const build = jobs['image']?.steps.find(
      ({ uses }) => uses?.startsWith('docker/build-push-action@') === true,
    );
    expect(build?.with).toMatchObject({
      platforms: 'linux/amd64,linux/arm64',
      provenance: 'mode=max',
      sbom: true,
    });
  });
});

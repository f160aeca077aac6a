/**
 * The floors and the arrows of ARCHITECTURE.md: imports go down only, and between modules only along the arrows.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
const edge = String.raw`\.(controller|guard|filter|interceptor|pipe)\.ts$`;
const wiring = String.raw`(\.module\.ts|^src/main\.ts|^src/service\.ts|^src/commands/)`;
const conduct = String.raw`(\.service|/commit-queue|/follow-loop|/unconfirmed-merges-loop|-follower|/sync-worker)\.ts$`;
const storage = String.raw`\.repository\.ts$`;

/** A rule: values in, values out. It sees neither frameworks nor storage; types of other rules it may name. */
const rules = String.raw`\.rule\.ts$`;

/** The folders of `src`, from the bottom up. Each may import those before it; the first eleven serve all modules and know none. */
const FLOORS = [
  'base',
  'json',
  'egress',
  'config',
  'database',
  'normalise',
  'rest',
  'openapi',
  'access',
  'idempotency',
  'http',
  'audit',
  'followers',
  'sinch',
  'contacts',
  'projection-refresh',
  'history',
  'references',
  'stats',
  'merge-intents',
  'sync',
  'registration',
  'webhook',
  'matching',
  'duplicates',
  'merging',
  'write-back',
  'auto-merge',
  'outward',
  'operations',
];

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'rules-are-pure',
      comment: 'A rule imports rules, plain types and what is pure of Node; no Nest, SQL, HTTP or clock.',
      severity: 'error',
      from: { path: rules },
      to: { pathNot: [rules, '^(node:)?(crypto|buffer|http|url)$'] },
    },
    {
      name: 'storage-is-below-conduct',
      severity: 'error',
      from: { path: storage },
      to: { path: [edge, conduct, wiring] },
    },
    {
      name: 'dtos-import-no-services',
      comment:
        'Services return the shapes that a DTO file declares, so a value that both need belongs there or in a rule.',
      severity: 'error',
      from: { path: String.raw`\.dto\.ts$` },
      to: { path: [conduct, edge, wiring] },
    },
    {
      name: 'conduct-is-below-the-edge',
      severity: 'error',
      from: { path: conduct },
      to: { path: [edge, wiring] },
    },
    {
      name: 'the-edge-is-below-wiring',
      severity: 'error',
      from: { path: edge },
      to: { path: wiring },
    },
    ...FLOORS.map((module, floor) => ({
      name: `${module}-imports-no-higher-floor`,
      severity: 'error',
      from: { path: `^src/${module}/` },
      to: { path: `^src/(${[...FLOORS.slice(floor + 1), 'commands'].join('|')})/` },
    })),
    {
      name: 'drivers-stay-in-storage',
      comment: 'SQL goes through the repositories and the database module.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          storage,
          '^src/database/',
          '^src/audit/journal-protection',
          '^src/service',
          '^src/commands/',
          '^src/operations/health',
        ],
      },
      to: { path: 'node_modules/(pg|typeorm)/' },
    },
    {
      name: 'src-does-not-import-tests',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^(test|proof|bench|scripts|simulator)/' },
    },
    {
      name: 'the-simulator-is-not-ours',
      comment:
        'What plays Sinch knows Sinch, not the service; the demo alone, which starts both, knows both.',
      severity: 'error',
      from: { path: '^simulator/', pathNot: '^simulator/(main\\.ts|demo/)' },
      to: { path: '^(src|migrations|test|proof|bench|simulator/main|simulator/demo)/?' },
    },
    {
      name: 'no-dev-dependencies-in-src',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};

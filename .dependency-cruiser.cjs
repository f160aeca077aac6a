/**
 * The floors and the arrows of ARCHITECTURE.md: imports go down only, and between modules only along the arrows.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
const edge = String.raw`\.(controller|guard|filter|interceptor|pipe)\.ts$`;
const wiring = String.raw`(\.module\.ts|^src/main\.ts|^src/service\.ts|^src/(scan-duplicates|register-webhook|manage-keys|sync-contacts)\.ts|/assemble-(follower|sync)\.ts)$`;
const conduct = String.raw`(\.service|/commit-queue|/follow-loop|-follower|/sync-worker)\.ts$`;
const storage = String.raw`\.repository\.ts$`;

/** A rule: values in, values out. It sees neither frameworks nor storage; types of other rules it may name. */
const rules = String.raw`^src/(contacts/(canonical|read-notification|mirror|projections|follow-merges|phone-variants|compare-snapshots|read-metadata|reconcile-merge|consolidate-metadata|find-cycles|merge-id|plan-merge|plan-write-back|contact-event|decision|fetched)|duplicates/(evidence|connect-contacts|match-sets|suggest-survivor|compare-members|judge-auto-merge)|sync/(plan-page|tally)|webhook/verify-signature|audit/(audit-event|read-sequence)|stats/(count-contacts|read-counted|local-clock|plan-points)|sinch/(judge-attempt|request-path|retry-delay|plan-registration|describe-registration|read-[a-z-]+)|rest/(nests-deeper|read-time|page-size|webhook-path)|access/(read-[a-z-]+|scope-names))\.ts$`;

/** Which module may import which others; `database`, `rest` and `access` are ground that every module stands on. */
const ARROWS = {
  webhook: ['contacts', 'audit'],
  contacts: ['audit'],
  audit: [],
  duplicates: ['contacts', 'audit'],
  sinch: ['audit'],
  merging: ['sinch', 'contacts', 'audit', 'duplicates'],
  stats: ['contacts', 'audit'],
  sync: ['sinch', 'contacts', 'audit'],
  operations: ['webhook', 'contacts', 'audit', 'duplicates', 'stats'],
};
const modules = Object.keys(ARROWS);

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
      comment: 'A rule imports rules, plain types and node:crypto or node:buffer; no Nest, no SQL, no clock.',
      severity: 'error',
      from: { path: rules },
      to: { pathNot: [rules, '^(node:)?(crypto|buffer|http)$'] },
    },
    {
      name: 'storage-is-below-conduct',
      severity: 'error',
      from: { path: storage },
      to: { path: [edge, conduct, wiring] },
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
    {
      name: 'ground-stands-on-nothing',
      comment: 'What every module stands on knows none of them.',
      severity: 'error',
      from: { path: '^src/(database|rest|access)/' },
      to: { path: `^src/(${modules.join('|')})/` },
    },
    ...modules.map((module) => ({
      name: `arrows-of-${module}`,
      severity: 'error',
      from: { path: `^src/${module}/` },
      to: {
        path: `^src/(${modules.filter((other) => other !== module && !ARROWS[module].includes(other)).join('|')})/`,
      },
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
          '^src/(scan-duplicates|manage-keys|sync-contacts)',
          '/assemble-(follower|sync)',
          '^src/operations/health',
        ],
      },
      to: { path: 'node_modules/(pg|typeorm)/' },
    },
    {
      name: 'src-does-not-import-tests',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^(test|bench|scripts|simulator)/' },
    },
    {
      name: 'the-simulator-is-not-ours',
      comment:
        'What plays Sinch knows Sinch, not the service; the demo alone, which starts both, knows both.',
      severity: 'error',
      from: { path: '^simulator/', pathNot: '^simulator/(main\\.ts|demo/)' },
      to: { path: '^(src|migrations|test|bench|simulator/main|simulator/demo)/?' },
    },
    {
      name: 'the-simulated-contacts-are-pure',
      comment: 'Rules of contacts and webhooks, and their life: no HTTP, no clock but the one given.',
      severity: 'error',
      from: {
        path: '^simulator/(clock|contact|contacts-store|happening|invent-contact|life|make-id|many-index|merge-contacts|project|random|read-contact|read-json|refusal|token-bucket|webhooks)\\.ts$',
      },
      to: { path: 'node_modules/|^simulator/(deliver|gate|rest|oauth|simulator|sign-callback|.*-routes)' },
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

import tseslint from 'typescript-eslint';

/** Files that decide: values in, values out. They see no clock, no randomness and no environment. */
const rules = [
  'src/**/read-*.ts',
  'src/**/verify-*.ts',
  'src/access/scope-names.ts',
  'src/contacts/mirror.ts',
  'src/contacts/canonical.ts',
  'src/contacts/projections.ts',
  'src/contacts/follow-merges.ts',
  'src/contacts/phone-variants.ts',
  'src/contacts/compare-snapshots.ts',
  'src/contacts/decision.ts',
  'src/duplicates/{evidence,connect-contacts,match-sets,suggest-survivor,compare-members,judge-auto-merge}.ts',
  'src/contacts/{reconcile-merge,plan-merge,plan-write-back}.ts',
  'src/contacts/consolidate-metadata.ts',
  'src/contacts/find-cycles.ts',
  'src/contacts/fetched.ts',
  'src/stats/{count-contacts,local-clock,plan-points}.ts',
  'src/sync/{plan-page,tally}.ts',
  'src/sinch/{judge-attempt,request-path,retry-delay,plan-registration,describe-registration}.ts',
  'simulator/{contacts-store,happening,invent-contact,life,merge-contacts,project,random,read-contact,token-bucket,webhooks}.ts',
];

const noEnvironment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Only src/config.ts reads the environment.',
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'data/', 'coverage/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.mjs', '*.js', '*.cjs', '.*.cjs', 'scripts/*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allow: [{ name: 'bigint', from: 'lib' }] },
      ],
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['**/*.mjs', '*.cjs', '*.js'], ...tseslint.configs.disableTypeChecked },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config.ts'],
    rules: { 'no-restricted-syntax': ['error', noEnvironment] },
  },
  {
    files: rules,
    rules: {
      'no-restricted-syntax': [
        'error',
        noEnvironment,
        {
          selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
          message: 'A rule is given the time.',
        },
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'A rule is given the time.',
        },
        {
          selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']",
          message: 'A rule has no randomness.',
        },
      ],
    },
  },
  {
    // DTO classes describe shapes for the OpenAPI document and the pipe: an answer is an object of that shape, not an instance
    files: ['src/**/*.controller.ts', 'src/**/view-*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  // jest's own idioms: expect() on unbound methods and asymmetric matchers typed any
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/unbound-method': 'off', '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
);

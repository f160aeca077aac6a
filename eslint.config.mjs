import tseslint from 'typescript-eslint';

/** Files that decide: values in, values out. They see no clock, no randomness and no environment. */
const rules = ['**/*.rule.ts'];

const noEnvironment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Only src/config reads the environment.',
};

/** The clock on the wall may be set at any time, back too: a wait measured by it may last an hour, or be none. */
const noWallClockDurations = {
  selector:
    "BinaryExpression[operator=/^[-+]$/] > CallExpression[callee.object.name='Date'][callee.property.name='now']",
  message: 'Measure durations and deadlines by performance.now().',
};

/** `max-params` would count the parameters of functions too. */
const fewCollaborators = {
  selector: "MethodDefinition[kind='constructor'][value.params.length>7]",
  message: 'Split the class: its constructor takes more than seven parameters.',
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'data/', 'coverage/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ['*.mjs', '*.js', '*.cjs', '.*.cjs', 'scripts/*.mjs', 'test/support/*.mjs'],
        },
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
  {
    files: ['src/**/*.ts', 'simulator/**/*.ts'],
    rules: { 'max-lines-per-function': ['error', { max: 45, skipComments: true }] },
  },
  { files: ['**/*.mjs', '*.cjs', '*.js'], ...tseslint.configs.disableTypeChecked },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config/**'],
    rules: { 'no-restricted-syntax': ['error', noEnvironment, noWallClockDurations, fewCollaborators] },
  },
  {
    files: ['**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'URL', property: 'canParse', message: 'Wrong on Node 20: use src/base/read-url.rule.ts.' },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['src/database/postgres-client.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'pg',
              importNames: ['Client', 'Pool'],
              allowTypeImports: true,
              message:
                'Connect by src/database/postgres-client.ts: a connection that ends must not end the process.',
            },
          ],
        },
      ],
    },
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
    files: ['src/**/*.{controller,service,repository}.ts', 'src/**/{view-*,*-follower}.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  // jest's own idioms: expect() on unbound methods and asymmetric matchers typed any
  {
    files: ['test/**/*.ts', 'proof/**/*.ts'],
    rules: { '@typescript-eslint/unbound-method': 'off', '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
);

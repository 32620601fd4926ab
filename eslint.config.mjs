import js from '@eslint/js';
import html from 'eslint-plugin-html';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/**
 * Arrows point one way: a folder may not import what is named here, whichever way (docs/decisions/001-folders.md).
 * A dynamic import is no import declaration to ESLint, hence the second rule.
 */
const arrow = (folder, forbidden, why) => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { group: forbidden.flatMap((name) => [`**/${name}/*`, `**/${name}`, name]), message: why },
        ],
      },
    ],
    'no-restricted-syntax': [
      'error',
      {
        selector: `ImportExpression[source.value=/(^|\\/)(${forbidden.join('|')})(\\/|$)/]`,
        message: why,
      },
    ],
  },
});

const NODE_RED = ['node-red', '@node-red'];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.cache/', '.demo/'] },
  {
    files: ['**/*.ts'],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: {
      parserOptions: { project: ['./test/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  arrow(
    'o2g',
    ['nodes', 'recorder', 'simulator', ...NODE_RED],
    'o2g/ is the client library: it knows neither Node-RED nor media nor the simulator.',
  ),
  arrow(
    'recorder',
    ['nodes', 'o2g', 'simulator', ...NODE_RED],
    'recorder/ is the media side: it knows neither Node-RED nor O2G.',
  ),
  arrow(
    'simulator',
    ['nodes', 'o2g', 'recorder', ...NODE_RED],
    'simulator/ reads the specification for itself: what it shared with the client it could not prove.',
  ),
  arrow('nodes', ['simulator'], 'the palette runs without the simulator.'),
  {
    // The commands and the developer's scripts talk to a person on the console.
    files: ['bin/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // node:assert's methods and mocha's blocks are used as statements.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }] },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    extends: [js.configs.recommended],
    languageOptions: { globals: globals.node },
  },
  {
    // The editor's scripts: plain browser JavaScript inside the node's html.
    files: ['nodes/**/*.html'],
    plugins: { html },
    extends: [js.configs.recommended],
    languageOptions: {
      sourceType: 'script',
      globals: { ...globals.browser, $: 'readonly', RED: 'readonly' },
    },
    rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
  {
    // What these scripts share, loaded as files.
    files: ['resources/**/*.js'],
    extends: [js.configs.recommended],
    languageOptions: {
      sourceType: 'script',
      globals: {
        ...globals.browser,
        $: 'readonly',
        RED: 'readonly',
        o2gVirtualList: 'readonly',
        o2gSupport: 'readonly',
      },
    },
    rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
);

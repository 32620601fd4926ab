import js from '@eslint/js';
import html from 'eslint-plugin-html';
import globals from 'globals';
import tseslint from 'typescript-eslint';

import folderRule from './scripts/lint/folder-rule.mjs';

/** What of npm a folder must not know, whichever way it is imported. */
const without = (folder, packages, why) => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ group: packages.flatMap((name) => [name, `${name}/*`]), message: why }] },
    ],
    'no-restricted-syntax': [
      'error',
      ...[
        ':matches(ImportExpression, TSImportType)[source.value=NAME]',
        'ImportExpression > TemplateLiteral[quasis.0.value.cooked=NAME]',
        'CallExpression[callee.name="require"][arguments.0.value=NAME]',
        'TSExternalModuleReference[expression.value=NAME]',
      ].map((form) => ({
        selector: form.replace('NAME', `/^(${packages.join('|')})(\\/|$)/`),
        message: why,
      })),
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
  {
    files: ['**/*.ts'],
    plugins: { palette: { rules: { folders: folderRule } } },
    rules: { 'palette/folders': 'error' },
  },
  without('o2g', NODE_RED, 'o2g/ is the client library: it works without Node-RED.'),
  without('recorder', NODE_RED, 'recorder/ is the media side: it works without Node-RED.'),
  without('simulator', NODE_RED, 'simulator/ is a server of its own: it works without Node-RED.'),
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

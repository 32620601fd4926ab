import assert from 'node:assert/strict';

import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

import { ROOT } from '../support/toolchain';

const FORBIDDEN: [file: string, specifier: string][] = [
  ['o2g/x.ts', '../nodes/x'],
  ['o2g/deep/x.ts', '../../nodes/x'],
  ['o2g/x.ts', '../recorder/x'],
  ['o2g/x.ts', '../simulator'],
  ['o2g/x.ts', 'node-red'],
  ['o2g/x.ts', '@node-red/util'],
  ['recorder/x.ts', '../o2g/x'],
  ['recorder/deep/x.ts', '../../o2g/deep/x'],
  ['recorder/x.ts', '../nodes/x'],
  ['recorder/x.ts', '../simulator/x'],
  ['recorder/x.ts', 'node-red'],
  ['simulator/x.ts', '../o2g/x'],
  ['simulator/deep/x.ts', '../../o2g/x'],
  ['simulator/x.ts', '../recorder/x'],
  ['simulator/x.ts', '../nodes/x'],
  ['simulator/x.ts', 'node-red'],
  ['nodes/x.ts', '../simulator/x'],
  ['nodes/lib/x.ts', '../../simulator/x'],
];

const ALLOWED: [file: string, specifier: string][] = [
  ['nodes/x.ts', '../o2g/x'],
  ['nodes/lib/x.ts', '../../recorder/x'],
  ['nodes/x.ts', 'node-red'],
  ['o2g/x.ts', 'got'],
  ['bin/x.ts', '../simulator/x'],
  ['test/x.ts', '../simulator/x'],
];

const FORMS: Record<string, (specifier: string) => string> = {
  'an import': (specifier) => `import { x } from '${specifier}';\nexport const y = x;\n`,
  'an import of types': (specifier) => `import type { X } from '${specifier}';\nexport type Y = X;\n`,
  're-exporting': (specifier) => `export * from '${specifier}';\n`,
  'an import when it runs': (specifier) => `export const y = import('${specifier}');\n`,
};

describe('the linter', function () {
  this.timeout(60_000);
  // These files don't exist, so no type is known in them; what needs types is shown by linting the repository itself.
  const untyped = new ESLint({
    cwd: ROOT,
    overrideConfig: {
      files: ['**/*.ts'],
      ...tseslint.configs.disableTypeChecked,
    } as ESLint.Options['overrideConfig'] & object,
  });

  async function rules(file: string, code: string): Promise<string[]> {
    const [result] = await untyped.lintText(code, { filePath: `${ROOT}/${file}` });
    assert.ok(result);
    assert.equal(result.fatalErrorCount, 0, result.messages[0]?.message);
    return result.messages.map(({ ruleId }) => ruleId ?? '');
  }

  for (const [file, specifier] of FORBIDDEN) {
    it(`doesn't let ${file} import ${specifier}, in any form`, async () => {
      for (const [form, code] of Object.entries(FORMS)) {
        const found = await rules(file, code(specifier));
        assert.ok(
          found.some((rule) => rule.startsWith('no-restricted-')),
          `${form} passes; found only: ${found.join(', ')}`,
        );
      }
    });
  }

  for (const [file, specifier] of ALLOWED) {
    it(`lets ${file} import ${specifier}`, async () => {
      for (const code of Object.values(FORMS)) assert.deepEqual(await rules(file, code(specifier)), []);
    });
  }

  it("reads the scripts inside a node's html", async () => {
    const html =
      '<script type="text/html" data-template-name="x"><p></p></script>\n<script type="text/javascript">\n  var a = unknown == 1;\n</script>\n';
    assert.deepEqual((await rules('nodes/x.html', html)).sort(), [
      'eqeqeq',
      'no-undef',
      'no-unused-vars',
      'no-var',
    ]);
  });

  it('knows types: a promise that nobody awaits is an error in every folder with code', async () => {
    const configs = await Promise.all(
      ['nodes', 'o2g', 'recorder', 'simulator', 'bin', 'scripts', 'bench', 'test'].map((folder) =>
        new ESLint({ cwd: ROOT }).calculateConfigForFile(`${folder}/x.ts`),
      ),
    );
    for (const { rules: active } of configs as { rules: Record<string, [number]> }[])
      assert.equal(active['@typescript-eslint/no-floating-promises']?.[0], 2);
  });
});

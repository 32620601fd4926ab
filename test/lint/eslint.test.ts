import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

import { ESLint, Linter } from 'eslint';
import tseslint from 'typescript-eslint';

import folderRule from '../../scripts/lint/folder-rule.mjs';
import { FOLDERS } from '../../scripts/lint/folders.mjs';
import { repositoryFiles } from '../../scripts/lint/repository';
import { whenTestEnds } from '../support/cleanup';
import { ROOT } from '../support/toolchain';

/** Every way to import; each is one line, so that a line number tells which one was found. */
const FORMS: readonly ((specifier: string) => string)[] = [
  (specifier) => `import { x } from '${specifier}';`,
  (specifier) => `import '${specifier}';`,
  (specifier) => `import type { X } from '${specifier}';`,
  (specifier) => `import y = require('${specifier}');`,
  (specifier) => `export { z } from '${specifier}';`,
  (specifier) => `export * from '${specifier}';`,
  (specifier) => `export const a = import('${specifier}');`,
  (specifier) => `export const b = import(\`${specifier}\`);`,
  (specifier) => `export type C = import('${specifier}').C;`,
  (specifier) => `export const d = require('${specifier}');`,
];

/** The folders that the client's, the recorder's and the simulator's users read without Node-RED. */
const WITHOUT_NODE_RED = ['o2g', 'recorder', 'simulator'];

/** The folder rule alone, as if ESLint ran in this folder. */
function folderLinter(cwd: string): (path: string, lines: readonly string[]) => string[] {
  const linter = new Linter({ cwd });
  const config = {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: { palette: { rules: { folders: folderRule } } },
    rules: { 'palette/folders': 'error' },
  } as Linter.Config;
  return (path, lines) =>
    linter.verify(lines.join('\n'), [config], join(cwd, path)).map(({ line, ruleId, message }) => {
      assert.equal(ruleId, 'palette/folders', message);
      return lines[line - 1] ?? '';
    });
}

/** A file of a listed folder that isn't there, or the listed file itself. */
function fileIn(folder: string): string {
  return isFile(folder) ? `${folder}.ts` : `${folder}/made-up.ts`;
}

function isFile(folder: string): boolean {
  return existsSync(join(ROOT, `${folder}.ts`));
}

function inAllForms(file: string, target: string): string[] {
  const path = relative(dirname(file), target);
  return FORMS.map((form) => form(path === '' ? '.' : path.startsWith('.') ? path : `./${path}`));
}

/** ESLint as the repository has it, but for what needs types: these files don't exist. */
const untyped = new ESLint({
  cwd: ROOT,
  overrideConfig: {
    files: ['**/*.ts'],
    ...tseslint.configs.disableTypeChecked,
  } as ESLint.Options['overrideConfig'] & object,
});

async function messagesOf(file: string, code: string): Promise<{ rule: string; line: number }[]> {
  const [result] = await untyped.lintText(code, { filePath: join(ROOT, file) });
  assert.ok(result);
  assert.equal(result.fatalErrorCount, 0, result.messages[0]?.message);
  return result.messages.map(({ ruleId, line }) => ({ rule: ruleId ?? '', line }));
}

describe('the rule about imports between folders', () => {
  const check = folderLinter(ROOT);

  it('refuses every folder that is not listed for a folder, the first in every form of an import', () => {
    for (const [folder, allowed] of Object.entries(FOLDERS)) {
      const file = fileIn(folder);
      const [first = '', ...others] = [...Object.keys(FOLDERS), 'test/support'].filter(
        (other) => other !== folder && !allowed.includes(other),
      );
      const lines = [
        ...inAllForms(file, first),
        ...others.flatMap((other) => inAllForms(file, other)[0] ?? []),
      ];
      assert.deepEqual(check(file, lines), lines, folder);
    }
  });

  it('refuses a file behind the door of a folder that is allowed, in every form of an import', () => {
    for (const [folder, allowed] of Object.entries(FOLDERS))
      for (const other of allowed.filter((each) => !isFile(each))) {
        const lines = inAllForms(fileIn(folder), `${other}/made-up`);
        assert.deepEqual(check(fileIn(folder), lines), lines, `${folder} to ${other}`);
      }
  });

  it('refuses the own door of a folder, in every form of an import', () => {
    for (const folder of Object.keys(FOLDERS).filter((each) => !isFile(each)))
      for (const door of [folder, `${folder}/index`]) {
        const lines = inAllForms(fileIn(folder), door);
        assert.deepEqual(check(fileIn(folder), lines), lines, door);
      }
  });

  it('lets a folder import those listed for it by their doors, its own files and packages', () => {
    for (const [folder, allowed] of Object.entries(FOLDERS)) {
      const file = fileIn(folder);
      const own = isFile(folder) ? [] : [`${folder}/other`];
      const lines = [...allowed, ...own].flatMap((other) => inAllForms(file, other));
      assert.deepEqual(check(file, [...lines, ...FORMS.map((form) => form('got'))]), [], folder);
    }
  });

  it('leaves a folder free that is not listed, such as the tests', () => {
    const lines = Object.keys(FOLDERS).flatMap((folder) =>
      inAllForms('test/made-up.ts', `${folder}/made-up`),
    );
    assert.deepEqual(check('test/made-up.ts', lines), []);
  });

  it('lists exactly the folders and files that are there', () => {
    const paths = repositoryFiles(ROOT).list();
    const there = (path: string): boolean =>
      paths.some((each) => each.startsWith(`${path}/`)) || isFile(path);
    assert.deepEqual(
      Object.keys(FOLDERS).filter((folder) => !there(folder)),
      [],
      'listed, but not there',
    );
    const doors = paths.filter((path) => /^(?:nodes|o2g|recorder|simulator)\/.*index\.ts$/.test(path));
    assert.deepEqual(
      doors.map(dirname).filter((folder) => !(folder in FOLDERS)),
      [],
      'there, but not listed',
    );
  });

  it('refuses two files of a folder that import each other in a circle, in every form of an import', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'circle-'));
    whenTestEnds(() => rm(cwd, { recursive: true, force: true }));
    const checkThere = folderLinter(cwd);
    await mkdir(join(cwd, 'o2g/util'), { recursive: true });
    await writeFile(join(cwd, 'o2g/util/leaf.ts'), 'export const leaf = 1;\n');
    await writeFile(join(cwd, 'o2g/util/between.ts'), "export * from './last.js';\n");
    for (const back of inAllForms('o2g/util/last.ts', 'o2g/util/first')) {
      await writeFile(join(cwd, 'o2g/util/last.ts'), `${back}\n`);
      const circle = inAllForms('o2g/util/first.ts', 'o2g/util/between');
      const straight = inAllForms('o2g/util/first.ts', 'o2g/util/leaf');
      assert.deepEqual(checkThere('o2g/util/first.ts', [...circle, ...straight]), circle, back);
    }
  });
});

describe('ESLint as the repository has it', () => {
  it('knows types and the rule about folders wherever there is code', async () => {
    const folders = [...Object.keys(FOLDERS), 'scripts', 'bench', 'test'];
    const eslint = new ESLint({ cwd: ROOT });
    for (const folder of folders) {
      const { rules } = (await eslint.calculateConfigForFile(`${folder}/x.ts`)) as {
        rules: Record<string, [number]>;
      };
      for (const rule of ['palette/folders', '@typescript-eslint/no-floating-promises'])
        assert.equal(rules[rule]?.[0], 2, `${rule} in ${folder}`);
    }
  });

  it('refuses Node-RED in the client, the recorder and the simulator, in every form of an import', async () => {
    const code = ['node-red', '@node-red/util'].flatMap((name) => FORMS.map((form) => form(name)));
    for (const folder of WITHOUT_NODE_RED)
      for (const file of [`${folder}/x.ts`, `${folder}/deep/x.ts`]) {
        const found = (await messagesOf(file, code.join('\n'))).filter(({ rule }) =>
          rule.startsWith('no-restricted-'),
        );
        assert.deepEqual(
          code.filter((_, index) => !found.some(({ line }) => line === index + 1)),
          [],
          `passes in ${file}`,
        );
      }
  });

  it('lets the nodes import Node-RED', async () => {
    const code =
      "import { x } from 'node-red';\nexport type { Y } from '@node-red/util';\nexport const z = x;\n";
    assert.deepEqual(await messagesOf('nodes/x.ts', code), []);
  });

  it("reads the scripts inside a node's html", async () => {
    const html =
      '<script type="text/html" data-template-name="x"><p></p></script>\n<script type="text/javascript">\n  var a = unknown == 1;\n</script>\n';
    const rules = (await messagesOf('nodes/x.html', html)).map(({ rule }) => rule);
    assert.deepEqual(rules.sort(), ['eqeqeq', 'no-undef', 'no-unused-vars', 'no-var']);
  });
});

// Copies what tsc leaves behind into dist/: the editor's html, the locales and the icons.
// Node-RED looks for icons/ and locales/ beside the compiled node, not at the package's root.
import { cp } from 'node:fs/promises';
import { extname } from 'node:path';

const root = new URL('../', import.meta.url);

await cp(new URL('nodes/', root), new URL('dist/nodes/', root), {
  recursive: true,
  filter: (source) => !['.ts', '.md'].includes(extname(source)),
});
await cp(new URL('icons/', root), new URL('dist/nodes/icons/', root), { recursive: true });

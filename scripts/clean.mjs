// Removes the compiled palette, so that a deleted source file can't live on in dist/.
import { rm } from 'node:fs/promises';

await rm(new URL('../dist', import.meta.url), { recursive: true, force: true });

export { withLock } from './file-lock';
export { readAt, systemFiles, type Files, type OpenFile } from './file-system';
export { sha256, sha256OfFile } from './hash';

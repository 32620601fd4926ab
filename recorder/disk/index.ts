export { withLock } from './file-lock';
export { readAt, systemFileSystem, type FileSystem, type OpenFile } from './file-system';
export { sha256, sha256OfFile } from './hash';

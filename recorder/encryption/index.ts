export { encrypting } from './encrypted-file';
export { checkFileKey, keyFor, readFileKeys, splitKeys, type FileKey } from './file-keys';
export { FrameCipher, HEAD_BYTES, Layout, OVERHEAD, isEncrypted, readHead } from './format';
export { reopenEncrypted, type Reopened } from './recovery';

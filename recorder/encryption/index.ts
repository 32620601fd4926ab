export { encryptingFileSystem } from './encrypted-file';
export { checkFileKey, findKey, readFileKeys, splitKeys, type FileKey } from './file-keys';
export {
  FrameCipher,
  FILE_HEADER_BYTES,
  FrameLayout,
  FRAME_OVERHEAD_BYTES,
  isEncrypted,
  readFileHeader,
} from './format';
export { reopenEncryptedFile, type ReopenedFile } from './recovery';

export { appendLines } from './chained-log';
export { NO_PREVIOUS_SHA256, readLines, type RecordingEntry } from './manifest-lines';
export { Manifest } from './manifest';
export { Retention, type RetentionState, type RetentionRequest } from './retention';
export { readPublicKey, readSigningKey } from './signatures';
export { ChainVerifier } from './verify-chain';
export { verifyFolder, type FolderVerification, type VerifyOptions } from './verify-folder';

export { addLines } from './chained-log';
export { NO_LINE, readLines, type RecordingEntry } from './manifest-lines';
export { Manifest } from './manifest';
export { Keeping, type Kept, type Which } from './retention';
export { readPublicKey, readSigningKey } from './signatures';
export { ChainCheck } from './verify-chain';
export { verifyFolder, type Verification, type VerifyOptions } from './verify-folder';

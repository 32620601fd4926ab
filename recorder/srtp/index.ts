export type { EncryptedPayload } from './aes-ctr';
export type { MasterKey } from './key-derivation';
export { parseKeys, type KeyTexts } from './key-text';
export { SrtpKeys, TAG_LENGTHS, type TagLength } from './srtp-keys';

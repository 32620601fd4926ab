/** The keys of encrypted recordings: what a person types becomes 32 bytes, and a short name that tells nothing of them. */
import { hkdfSync, scrypt } from 'node:crypto';

import { invalid, RecorderError } from '../common';

export interface FileKey {
  /** 16 hexadecimal digits, in the head of each file: says which key it needs. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

const KEY_BYTES = 32;
const MIN_PASSPHRASE_CHARACTERS = 16;
const FILE_KEY_RULE = `32 bytes as 64 hexadecimal digits or 44 characters of base64, or a passphrase of at least ${MIN_PASSPHRASE_CHARACTERS} characters without a comma`;
/**
 * A passphrase has no file of its own in which a salt could lie, and must give the same key on another machine: the salt is fixed, and the
 * work makes up for it. 64 MiB and a fifth of a second, once at the start.
 */
const SCRYPT_OPTIONS = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 };
const SCRYPT_SALT = 'o2g recording';

/** Several keys in one text, as an environment variable or a form holds them: one a line, or separated by commas. */
export function splitKeys(text: string): string[] {
  return text
    .split(/[,\r\n]/)
    .map((key) => key.trim())
    .filter((key) => key !== '');
}

/** @throws RecorderError `INVALID_INPUT`, without the secret in its text */
export function checkFileKey(field: string, text: unknown): void {
  if (typeof text !== 'string' || text.length < MIN_PASSPHRASE_CHARACTERS || /[,\r\n]/.test(text))
    throw invalid(field, undefined, FILE_KEY_RULE);
}

/**
 * The keys that these texts stand for, in their order.
 * @throws RecorderError `INVALID_INPUT`, without the secret in its text
 */
export async function readFileKeys(texts: readonly string[]): Promise<FileKey[]> {
  const keys: FileKey[] = [];
  for (const text of texts) {
    checkFileKey('key', text);
    const bytes = decodeKey(text) ?? (await stretchPassphrase(text));
    keys.push({ id: derive(bytes, new Uint8Array(), 'key id', 8).toString('hex'), bytes });
  }
  return keys;
}

/** @throws RecorderError `KEY_UNKNOWN` */
export function findKey(id: string, keys: readonly FileKey[]): FileKey {
  const key = keys.find((known) => known.id === id);
  if (!key)
    throw new RecorderError(
      'KEY_UNKNOWN',
      `the recording is encrypted with the key ${id}, which isn't among the ${keys.length} that are known`,
    );
  return key;
}

/** The key of one file. @param salt from the file's head */
export const deriveFileKey = ({ bytes }: FileKey, salt: Uint8Array): Buffer =>
  derive(bytes, salt, 'file', KEY_BYTES);

const derive = (key: Uint8Array, salt: Uint8Array, purpose: string, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', key, salt, `o2g recording ${purpose}`, length));

function decodeKey(text: string): Uint8Array | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'));
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

function stretchPassphrase(passphrase: string): Promise<Uint8Array> {
  // The same letters, however a keyboard composes them.
  const text = passphrase.normalize('NFKC');
  return new Promise((resolve, reject) => {
    scrypt(text, SCRYPT_SALT, KEY_BYTES, SCRYPT_OPTIONS, (error, key) => {
      if (error) reject(error);
      else resolve(Uint8Array.from(key));
    });
  });
}

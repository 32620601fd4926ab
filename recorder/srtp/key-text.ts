/** The keys of a secure link as O2G tells them: two texts without a word on their form. Their length decides (RFC 3711: salt of 112 bits). */
import { invalid } from '../common';
import { SALT_BYTES, type MasterKey } from './key-derivation';

export interface KeyTexts {
  /** 32 or 64 hexadecimal digits, or 24 or 44 characters of base64. */
  readonly key: string;
  /** 28 hexadecimal digits, or 20 characters of base64. */
  readonly salt: string;
}

const KEY_RULE = 'a key of 16 or 32 bytes: 32 or 64 hexadecimal digits, or 24 or 44 characters of base64';
const SALT_RULE = 'a salt of 14 bytes: 28 hexadecimal digits, or 20 characters of base64';

/** @throws RecorderError `INVALID_INPUT`, without the secret in its text */
export function parseKeys({ key, salt }: KeyTexts): MasterKey {
  return {
    key: decode('key', key, [16, 32], KEY_RULE),
    salt: decode('salt', salt, [SALT_BYTES], SALT_RULE),
  };
}

/** Each length fits one form only: base64 of 16, 32 or 14 bytes has 24, 44 or 20 characters, hexadecimal digits are 32, 64 or 28. */
function decode(field: string, text: unknown, lengths: readonly number[], rule: string): Uint8Array {
  if (typeof text !== 'string') throw invalid(field, undefined, rule);
  for (const length of lengths) {
    if (text.length === 2 * length && /^[0-9a-f]+$/i.test(text)) return copyAndWipe(Buffer.from(text, 'hex'));
    if (text.length === 4 * Math.ceil(length / 3) && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) {
      const bytes = Buffer.from(text, 'base64');
      if (bytes.length === length) return copyAndWipe(bytes);
    }
  }
  throw invalid(field, undefined, rule);
}

/** A copy in memory of its own, which can be wiped and handed to a worker whole. */
function copyAndWipe(bytes: Buffer): Uint8Array {
  const copy = Uint8Array.from(bytes);
  bytes.fill(0);
  return copy;
}

/** Signatures of the manifest's lines: Ed25519. The private key is the recorder's; whoever verifies needs only the public one. */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

import { invalid } from '../common';
import type { ManifestLine } from './manifest-lines';

export type SigningKey = KeyObject;

const ALGORITHM = 'ed25519';
const PRIVATE_KEY_RULE = 'an Ed25519 private key in PEM, as `openssl genpkey -algorithm ed25519` makes it';
const SIGNATURE_PATTERN = /,"signature":"([A-Za-z0-9+/=]+)"\}$/;

/**
 * Reads a private key. A form's single line takes the line breaks away, an environment variable may have `\n` for them.
 * @throws RecorderError `INVALID_INPUT`, without the secret in its text
 */
export function readSigningKey(pem: string): SigningKey {
  const body = pem
    .replaceAll('\\n', '')
    .replace(/-----[A-Z ]+-----/g, '')
    .replace(/\s/g, '');
  try {
    const key = createPrivateKey({ key: Buffer.from(body, 'base64'), format: 'der', type: 'pkcs8' });
    if (key.asymmetricKeyType === ALGORITHM) return key;
  } catch {
    // It is told below, in words that show nothing of it.
  }
  throw invalid('signingKey', undefined, PRIVATE_KEY_RULE);
}

/** @param pem a public key; a private one gives its public half. @throws RecorderError `INVALID_INPUT` */
export function readPublicKey(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === ALGORITHM) return key;
  } catch {
    // It is told below.
  }
  throw invalid('public key', undefined, 'an Ed25519 public key in PEM, as `openssl pkey -pubout` makes it');
}

/** @returns the line's text, signed when there is a key */
export function signLine(line: ManifestLine, key: SigningKey | undefined): string {
  const text = JSON.stringify(line);
  return key === undefined
    ? text
    : `${text.slice(0, -1)},"signature":"${sign(null, Buffer.from(text), key).toString('base64')}"}`;
}

/** Whether one of the keys signed a line. */
export function checkSignature(text: string, keys: readonly KeyObject[]): 'unsigned' | 'good' | 'wrong' {
  const [, signature] = SIGNATURE_PATTERN.exec(text) ?? [];
  if (signature === undefined) return 'unsigned';
  const plain = Buffer.from(text.replace(SIGNATURE_PATTERN, '}'));
  return keys.some((key) => verify(null, plain, key, Buffer.from(signature, 'base64'))) ? 'good' : 'wrong';
}

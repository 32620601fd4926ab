/** From the master key and salt of a flow to its session keys (RFC 3711, 4.3; for 256 bits RFC 6188, 3). The key derivation rate is 0. */
import { createCipheriv } from 'node:crypto';

export interface MasterKey {
  /** 16 or 32 bytes. */
  readonly key: Uint8Array;
  /** 14 bytes. */
  readonly salt: Uint8Array;
}

export interface SessionKeys {
  /** As long as the master key. */
  readonly encryption: Uint8Array;
  /** 20 bytes. */
  readonly authentication: Uint8Array;
  /** 14 bytes. */
  readonly salt: Uint8Array;
}

const KEY_LABELS = { encryption: 0, authentication: 1, salt: 2 } as const;
export const SALT_BYTES = 14;
const AUTHENTICATION_KEY_BYTES = 20;

/** The caller wipes both. */
export function deriveSessionKeys(master: MasterKey): SessionKeys {
  return {
    encryption: deriveKey(master, KEY_LABELS.encryption, master.key.length),
    authentication: deriveKey(master, KEY_LABELS.authentication, AUTHENTICATION_KEY_BYTES),
    salt: deriveKey(master, KEY_LABELS.salt, SALT_BYTES),
  };
}

/** AES in counter mode over zeros; the counter's block is the salt with the label in its eighth byte. */
function deriveKey({ key, salt }: MasterKey, label: number, length: number): Uint8Array {
  const block = new Uint8Array(16);
  block.set(salt);
  block[7] = (block[7] ?? 0) ^ label;
  const cipher = createCipheriv(key.length === 16 ? 'aes-128-ctr' : 'aes-256-ctr', key, block);
  // Uint8Array.from copies: a Buffer may share its memory with others, which a wipe wouldn't reach.
  const output = cipher.update(new Uint8Array(length));
  const derived = Uint8Array.from(output);
  output.fill(0);
  return derived;
}

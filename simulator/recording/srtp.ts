import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import type { SrtpOptions } from '../settings';

/** Master key and master salt of a recording (RFC 3711, 3.2.1). */
export interface MasterKeys {
  readonly key: Buffer;
  readonly salt: Buffer;
}

/** Session keys derived from the master keys, with a key derivation rate of 0. */
export interface SessionKeys {
  readonly cipherKey: Buffer;
  readonly authenticationKey: Buffer;
  readonly salt: Buffer;
}

const SALT_BYTES = 14;
const AUTHENTICATION_KEY_BYTES = 20;
const TAG_BYTES = 10;
const KEY_LABELS = { encryption: 0, authentication: 1, salt: 2 } as const;

/** New master keys. Both flows of a recording use the same ones. */
export const newMasterKeys = ({ bits }: Pick<SrtpOptions, 'bits'>): MasterKeys => ({
  key: randomBytes(bits / 8),
  salt: randomBytes(SALT_BYTES),
});

const aesCounterMode = (key: Buffer, iv: Buffer, data: Buffer): Buffer =>
  createCipheriv(key.length === 32 ? 'aes-256-ctr' : 'aes-128-ctr', key, iv).update(data);

/** The session keys of SRTP (RFC 3711, 4.3; for 256-bit keys RFC 6188). */
export function deriveSessionKeys({ key, salt }: MasterKeys): SessionKeys {
  const derive = (label: number, length: number): Buffer => {
    const iv = Buffer.alloc(16);
    salt.copy(iv);
    iv.writeUInt8(iv.readUInt8(7) ^ label, 7);
    return aesCounterMode(key, iv, Buffer.alloc(length));
  };
  return {
    cipherKey: derive(KEY_LABELS.encryption, key.length),
    authenticationKey: derive(KEY_LABELS.authentication, AUTHENTICATION_KEY_BYTES),
    salt: derive(KEY_LABELS.salt, SALT_BYTES),
  };
}

/** Turns RTP packets of one SSRC into SRTP. Packets must come in the order of their sequence numbers. */
export class SrtpSender {
  readonly #tag: boolean;
  readonly #keys: SessionKeys;
  #rollovers = 0;
  #lastSequence: number | undefined;

  constructor(masterKeys: MasterKeys, tag: boolean) {
    this.#tag = tag;
    this.#keys = deriveSessionKeys(masterKeys);
  }

  /** @param packet RTP with a header of 12 bytes; it is not changed */
  protect(packet: Buffer): Buffer {
    const sequence = packet.readUInt16BE(2);
    if (this.#lastSequence !== undefined && sequence < this.#lastSequence) this.#rollovers += 1;
    this.#lastSequence = sequence;
    const header = packet.subarray(0, 12);
    const payload = aesCounterMode(
      this.#keys.cipherKey,
      this.#iv(packet.readUInt32BE(8), sequence),
      packet.subarray(12),
    );
    return Buffer.concat(
      this.#tag ? [header, payload, this.#authenticate(header, payload)] : [header, payload],
    );
  }

  /** (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16), RFC 3711, 4.1.1. */
  #iv(ssrc: number, sequence: number): Buffer {
    const iv = Buffer.alloc(16);
    this.#keys.salt.copy(iv);
    iv.writeUInt32BE((iv.readUInt32BE(4) ^ ssrc) >>> 0, 4);
    iv.writeUInt32BE((iv.readUInt32BE(8) ^ this.#rollovers) >>> 0, 8);
    iv.writeUInt16BE(iv.readUInt16BE(12) ^ sequence, 12);
    return iv;
  }

  #authenticate(header: Buffer, payload: Buffer): Buffer {
    const rolloverCounter = Buffer.alloc(4);
    rolloverCounter.writeUInt32BE(this.#rollovers);
    const hmac = createHmac('sha1', this.#keys.authenticationKey)
      .update(header)
      .update(payload)
      .update(rolloverCounter);
    return hmac.digest().subarray(0, TAG_BYTES);
  }
}

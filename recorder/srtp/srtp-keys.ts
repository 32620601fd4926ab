/** The keys of received SRTP (RFC 3711; 256 bits: RFC 6188). Keeps nothing of a stream's state. */
import { AesCounterMode, type EncryptedPayload } from './aes-ctr';
import { HmacSha1 } from './hmac-sha1';
import { deriveSessionKeys, type MasterKey } from './key-derivation';

/** Bytes of the authentication tag: 80 bits, 32 bits, or none. */
export type TagLength = 10 | 4 | 0;
export const TAG_LENGTHS = [10, 4] as const;

export class SrtpKeys {
  readonly #mac: HmacSha1;
  readonly #counterMode: AesCounterMode;

  /** Derives the session's keys and wipes the master's. */
  constructor(master: MasterKey) {
    const { encryption, authentication, salt } = deriveSessionKeys(master);
    master.key.fill(0);
    master.salt.fill(0);
    this.#mac = new HmacSha1(authentication);
    this.#counterMode = new AesCounterMode(encryption, salt);
    encryption.fill(0);
    authentication.fill(0);
  }

  /** Whether the tag at the packet's end is right. @param end the packet's end, tag included */
  verifies(view: DataView, start: number, end: number, rolloverCounter: number, tag: TagLength): boolean {
    return end - start >= 12 + tag && this.#mac.matches(view, start, end - tag, rolloverCounter, tag);
  }

  /** Many payloads at once, as AesCounterMode does. */
  decrypt(packets: readonly EncryptedPayload[]): { plain: DataView; offsets: number[] } {
    return this.#counterMode.decrypt(packets);
  }

  wipe(): void {
    this.#mac.wipe();
    this.#counterMode.wipe();
  }
}

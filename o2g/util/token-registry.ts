import { createHash, timingSafeEqual } from 'node:crypto';

/** Whom a token lets in, or what it is for. Neither the time nor the answer tells how much of a wrong one was right. */
export class TokenRegistry<T> {
  readonly #entries = new Map<string, { readonly digest: Buffer; readonly holder: T }>();

  get size(): number {
    return this.#entries.size;
  }

  /** Makes a token good for something; what it was good for before, it is no more. @returns takes it off again */
  add(token: string, holder: T): () => void {
    const entry = { digest: digestOf(token), holder };
    this.#entries.set(token, entry);
    return () => {
      if (this.#entries.get(token) === entry) this.#entries.delete(token);
    };
  }

  /** What a token is good for; undefined when it is none. Every token is compared whole. */
  find(token: string): T | undefined {
    const digest = digestOf(token);
    const [found] = [...this.#entries.values()].filter((entry) => timingSafeEqual(entry.digest, digest));
    return found?.holder;
  }
}

/** Digests have one length, so that tokens of any length can be compared in constant time. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

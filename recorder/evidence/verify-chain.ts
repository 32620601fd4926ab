/** Whether the manifest's lines are all there, in their order, as they were written. They are handed in one by one, as they lie in the file. */
import type { KeyObject } from 'node:crypto';

import { NO_PREVIOUS_SHA256, type ManifestText } from './manifest-lines';
import { sha256 } from '../disk';
import { checkSignature } from './signatures';

export type ChainFinding =
  | 'line-altered'
  | 'line-missing'
  | 'line-moved'
  | 'line-torn'
  | 'line-foreign'
  | 'signature-wrong'
  | 'signature-missing';

interface UnreadableLine {
  readonly at: number;
  readonly hash: string;
  readonly complete: boolean;
}

export class ChainVerifier {
  /** Lines that a crash tore while they were written: the next line knows them so. */
  readonly torn: number[] = [];
  lines = 0;
  signed = 0;
  /** SHA-256 of the last line in the chain. */
  lastSha256 = NO_PREVIOUS_SHA256;
  readonly #keys: readonly KeyObject[];
  readonly #report: (kind: ChainFinding, message: string) => void;
  /** Of the chain so far; those that stand in another place don't count. */
  #lastNumber = 0;
  #unreadable: UnreadableLine[] = [];
  readonly #missing: { from: number; to: number; at: number }[] = [];
  readonly #outOfOrder: { number: number; at: number }[] = [];

  /** @param keys of who may have signed; none: signatures aren't looked at */
  constructor(keys: readonly KeyObject[], report: (kind: ChainFinding, message: string) => void) {
    this.#keys = keys;
    this.#report = report;
  }

  add({ text, parsed, complete: isComplete }: ManifestText): void {
    this.lines += 1;
    const hash = sha256(text);
    if (!parsed || !isComplete) {
      this.#unreadable.push({ at: this.lines, hash, complete: isComplete });
      return;
    }
    this.#checkSignature(text, parsed.signature);
    this.#resolveUnreadable(parsed.line, parsed.previous);
    if (parsed.line <= this.#lastNumber) {
      this.#outOfOrder.push({ number: parsed.line, at: this.lines });
      return;
    }
    if (parsed.line > this.#lastNumber + 1)
      this.#missing.push({ from: this.#lastNumber + 1, to: parsed.line - 1, at: this.lines });
    else if (parsed.previous !== this.lastSha256) this.#reportAltered(this.#lastNumber);
    this.#lastNumber = parsed.line;
    this.lastSha256 = hash;
  }

  /** No line comes any more. */
  finish(): void {
    for (const { at, complete: isComplete } of this.#unreadable) {
      if (isComplete)
        this.#report('line-altered', `Line ${at} of the manifest was altered: it can't be read any more.`);
      else
        this.#report(
          'line-torn',
          `The manifest's last line (${at}) is torn: a crash came while it was written, or its end was cut off.`,
        );
    }
    this.#reportOrder();
    if (this.#keys.length > 0 && this.signed === 0 && this.lines > 0)
      this.#report('signature-missing', 'No line of the manifest is signed.');
  }

  /** A line that can't be read is the one that is missing here, or it was put in. */
  #resolveUnreadable(number: number, previous: string): void {
    const unreadable = this.#unreadable.splice(0);
    const fillsGap = number === this.#lastNumber + 1 + unreadable.length;
    for (const [index, { at, hash }] of unreadable.entries()) {
      if (!fillsGap) {
        this.#report('line-foreign', `Line ${at} of the manifest was put in: no recorder wrote it.`);
        continue;
      }
      // Of several only the last one is known by the next line's hash.
      if (index === unreadable.length - 1 && hash === previous) this.torn.push(at);
      else this.#report('line-altered', `Line ${at} of the manifest was altered: it can't be read any more.`);
      this.#lastNumber += 1;
      this.lastSha256 = previous;
    }
  }

  #reportAltered(number: number): void {
    if (number === 0)
      this.#report('line-altered', 'Line 1 of the manifest was altered: it says that there was one before.');
    else
      this.#report(
        'line-altered',
        `Line ${number} of the manifest was altered: it isn't the one that the next line was written behind.`,
      );
  }

  #reportOrder(): void {
    const known = new Set(this.#outOfOrder.map(({ number }) => number));
    for (const { from, to, at } of this.#missing) {
      // Those that stand elsewhere are told as moved.
      const moved = this.#outOfOrder.filter(({ number }) => number >= from && number <= to).length;
      if (moved < to - from + 1)
        this.#report(
          'line-missing',
          `${from === to ? `Line ${from} was` : `Lines ${from} to ${to} were`} taken out of the manifest, before what is line ${at} now.`,
        );
      for (const { number, at: position } of this.#outOfOrder) {
        if (number >= from && number <= to && known.delete(number))
          this.#report('line-moved', `Line ${number} of the manifest was moved: it is line ${position} now.`);
      }
    }
    for (const { number, at } of this.#outOfOrder)
      if (known.has(number))
        this.#report('line-moved', `Line ${at} of the manifest is line ${number} once more.`);
  }

  /** What is unsigned before the first signed line is bound to it by the chain: the recorder had no key then. */
  #checkSignature(text: string, signature: string | undefined): void {
    if (this.#keys.length === 0) {
      if (signature !== undefined) this.signed += 1;
      return;
    }
    const verdict = checkSignature(text, this.#keys);
    if (verdict === 'good') this.signed += 1;
    else if (verdict === 'wrong')
      this.#report(
        'signature-wrong',
        `Line ${this.lines} of the manifest has a signature that isn't of the key given.`,
      );
    else if (this.signed > 0)
      this.#report(
        'signature-missing',
        `Line ${this.lines} of the manifest isn't signed, though lines before it are.`,
      );
  }
}

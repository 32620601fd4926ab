/**
 * Puts marks in place of what tells who or where somebody is: `<number 1>`, `<login 2>`, `<name 3>`, `<address 4>`. The same value has the same mark
 * wherever it occurs in what one masking has seen, so that a reader can still follow it.
 */
type MarkKind = 'number' | 'login' | 'name' | 'address';

/** A name that is shorter could be a part of any word. */
const MIN_NAME_CHARS = 4;
/** Words of a text: numbers, logins, hosts, addresses with their ports. */
const WORD_PATTERN = /[\p{L}\p{N}_+*#][\p{L}\p{N}_.:@*#/-]*[\p{L}\p{N}_*#/]|[\p{L}\p{N}]/gu;
const HOST_PATTERN =
  /^(?:\w+:\/\/)?(?:\d{1,3}(?:\.\d{1,3}){3}|localhost|[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*\.\p{L}{2,})(?::\d+)?(?:\/.*)?$/u;
/** As many digits in a row are a number, or a part of a login or a reference; fewer may be an HTTP status or an OXE node. */
const NUMBER_PATTERN = /\d{4}/;

export class Masking {
  readonly #marks = new Map<string, string>();
  readonly #names = new Set<string>();
  readonly #counts: Record<MarkKind, number> = { number: 0, login: 0, name: 0, address: 0 };
  readonly #isOff: boolean;

  /** @param off everything is left as it is */
  constructor({ off }: { readonly off: boolean }) {
    this.#isOff = off;
  }

  number(value: string): string {
    return this.#mark('number', value);
  }

  login(value: string): string {
    return this.#mark('login', value);
  }

  name(value: string): string {
    if (value.length >= MIN_NAME_CHARS) this.#names.add(value);
    return this.#mark('name', value);
  }

  address(value: string): string {
    return this.#mark('address', value);
  }

  /** Numbers and ranges as they are typed: `70000-70099, 70120`. The word `all` stays. */
  numbers(list: string): string {
    return list.replace(/[\p{L}\p{N}*#]+/gu, (each) => (each === 'all' ? each : this.number(each)));
  }

  /** A sentence in which any of these may occur. */
  text(sentence: string): string {
    if (this.#isOff) return sentence;
    const longestFirst = [...this.#names].sort((a, b) => b.length - a.length);
    // What is between marks is looked at word by word.
    return longestFirst
      .reduce((text, name) => text.replaceAll(name, this.name(name)), sentence)
      .split(/(<\w+ \d+>)/)
      .map((part, index) =>
        index % 2 === 1
          ? part
          : part.replace(WORD_PATTERN, (word: string, at: number) =>
              this.#word(word, part.slice(at + word.length)),
            ),
      )
      .join('');
  }

  #word(word: string, rest: string): string {
    const known = this.#marks.get(word);
    if (known !== undefined) return known;
    if (HOST_PATTERN.test(word)) return this.address(word);
    // `NOT_FOUND (1002, HTTP 404)`: the number of an error of O2G tells nobody's.
    return NUMBER_PATTERN.test(word) && !rest.startsWith(', HTTP') ? this.number(word) : word;
  }

  #mark(kind: MarkKind, value: string): string {
    if (this.#isOff || value === '') return value;
    const mark = this.#marks.get(value) ?? `<${kind} ${(this.#counts[kind] += 1)}>`;
    this.#marks.set(value, mark);
    return mark;
  }
}

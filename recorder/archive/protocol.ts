/** What the main thread and the worker of the index say to each other. */
import type { Place } from './catalogue';
import type { Found, Search } from './search';

export interface Answer extends Found {
  /** While the folders are looked through: metadata files so far. What isn't looked at yet isn't found. */
  readonly building?: number;
  /** Folders that couldn't be read. */
  readonly unreadable: readonly string[];
}

/** Each order and its answer. */
export interface Orders {
  search(search: Search): Answer;
  placeOf(id: string): Place | undefined;
  /** These folders, and no others, are searched from now on. */
  watch(folders: readonly string[]): void;
  /** Something happened to this recording: it is finished, changed or gone. */
  lookAt(place: Place): void;
}

export interface Order<Name extends keyof Orders = keyof Orders> {
  readonly request: number;
  readonly order: Name;
  readonly argument: Parameters<Orders[Name]>[0];
}

export type Reply = { readonly request: number } & (
  { readonly answer: ReturnType<Orders[keyof Orders]> } | { readonly error: string }
);

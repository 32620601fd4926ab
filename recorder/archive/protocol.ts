/** What the main thread and the worker of the index say to each other. */
import type { RecordingLocation } from './catalogue';
import type { SearchPage, Search } from './search';

export interface SearchResult extends SearchPage {
  /** While the folders are looked through: metadata files so far. What isn't looked at yet isn't found. */
  readonly building?: number;
  /** Folders that couldn't be read. */
  readonly unreadable: readonly string[];
}

/** Each order and its answer. */
export interface ArchiveMethods {
  search(search: Search): SearchResult;
  locate(id: string): RecordingLocation | undefined;
  /** These folders, and no others, are searched from now on. */
  watch(folders: readonly string[]): void;
  /** Something happened to this recording: it is finished, changed or gone. */
  refresh(location: RecordingLocation): void;
}

export interface ArchiveRequest<Name extends keyof ArchiveMethods = keyof ArchiveMethods> {
  readonly requestId: number;
  readonly method: Name;
  readonly argument: Parameters<ArchiveMethods[Name]>[0];
}

export type ArchiveReply = { readonly requestId: number } & (
  { readonly result: ReturnType<ArchiveMethods[keyof ArchiveMethods]> } | { readonly error: string }
);

/** The folders of the built-in recorders of a runtime, and the index of what is in them: for the recordings page. */
import path from 'node:path';
import type { NodeAPI } from 'node-red';
import type * as library from '../../recorder/archive';
import { deploymentOf } from './deployment';
import { oncePerRuntime } from './runtime';

type Library = typeof library;

/** What a recorder's node says of its folder. */
export interface RecordingFolder {
  /** Absolute path. */
  readonly folder: string;
  /** Keys of its encrypted files. */
  keys(): Promise<readonly library.FileKey[]>;
}

class RecordingFolders {
  readonly #index: string;
  readonly #byNode = new Map<string, RecordingFolder>();
  #opened: Promise<{ readonly library: Library; readonly archive: library.Archive }> | undefined;
  #archive: library.Archive | undefined;

  constructor(RED: NodeAPI) {
    this.#index = path.join(RED.settings.userDir ?? '.', '.o2g', 'recordings.sqlite');
    // While a deploy replaces the nodes their folders are gone for a moment; what is known of them isn't forgotten for that.
    deploymentOf(RED).onStarted(() => { this.#archive?.watch(this.folders); });
  }

  get folders(): string[] {
    return [...this.#byNode.values()].map(({ folder }) => folder);
  }

  /** @returns takes it off again */
  add(nodeId: string, folder: RecordingFolder): () => void {
    this.#byNode.set(nodeId, folder);
    return () => { if (this.#byNode.get(nodeId) === folder) this.#byNode.delete(nodeId); };
  }

  /** Of all recorders that have this folder. */
  async keysOf(folder: string): Promise<library.FileKey[]> {
    const all = await Promise.all([...this.#byNode.values()].filter((each) => each.folder === folder).map((each) => each.keys()));
    return all.flat();
  }

  /** Something happened to a recording: it is finished, changed or gone. */
  lookAt(folder: string, metadata: string): void {
    this.#archive?.lookAt(folder, metadata);
  }

  /** Loaded when somebody looks at recordings: most who load the palette don't. */
  open(): Promise<{ readonly library: Library; readonly archive: library.Archive }> {
    return (this.#opened ??= import('../../recorder/archive/index.js').then((loaded) => {
      this.#archive = new loaded.Archive(this.#index);
      this.#archive.watch(this.folders);
      return { library: loaded, archive: this.#archive };
    }));
  }
}

/** The folders of a runtime. */
export const recordingFoldersOf = oncePerRuntime((RED) => new RecordingFolders(RED));

/** The folders of the built-in recorders of a runtime, and the index of what is in them: for the recordings page. */
import path from 'node:path';
import type { NodeAPI } from 'node-red';
import type * as library from '../../../recorder/archive';
import { deploymentOf, oncePerRuntime } from '../lifecycle';

type Library = typeof library;

/** What a recorder's node says of its folder. */
export interface RecordingFolder {
  /** Absolute path. */
  readonly folder: string;
  /** Keys of its encrypted files, as they were typed. */
  readonly keys: readonly string[];
}

class RecordingFolders {
  readonly #indexFile: string;
  readonly #byNode = new Map<string, RecordingFolder>();
  readonly #keys = new Map<string, Promise<library.FileKey[]>>();
  #opened: Promise<{ readonly library: Library; readonly archive: library.Archive }> | undefined;
  #archive: library.Archive | undefined;

  constructor(RED: NodeAPI) {
    this.#indexFile = path.join(RED.settings.userDir ?? '.', '.o2g', 'recordings.sqlite');
    // While a deploy replaces the nodes their folders are gone for a moment; what is known of them isn't forgotten for that.
    deploymentOf(RED).onStarted(() => {
      this.#archive?.watch(this.folders);
    });
  }

  get folders(): string[] {
    return [...this.#byNode.values()].map(({ folder }) => folder);
  }

  /** @returns takes it off again */
  add(nodeId: string, folder: RecordingFolder): () => void {
    this.#byNode.set(nodeId, folder);
    return () => {
      if (this.#byNode.get(nodeId) === folder) this.#byNode.delete(nodeId);
    };
  }

  /** Of all recorders that have this folder. */
  async keysOf(folder: string): Promise<library.FileKey[]> {
    const keyTexts = [...this.#byNode.values()]
      .filter((each) => each.folder === folder)
      .flatMap(({ keys }) => keys);
    const {
      library: { readFileKeys },
    } = await this.open();
    const keys = await Promise.all(
      [...new Set(keyTexts)].map((text) => this.#keys.get(text) ?? this.#deriveKeys(text, readFileKeys)),
    );
    return keys.flat();
  }

  /** A passphrase becomes a key by much work: once. */
  #deriveKeys(text: string, readFileKeys: Library['readFileKeys']): Promise<library.FileKey[]> {
    const keys = readFileKeys([text]);
    this.#keys.set(text, keys);
    return keys;
  }

  /** Something happened to a recording: it is finished, changed or gone. @param file absolute path of its audio */
  refresh(folder: string, file: string): void {
    this.#archive?.refresh(folder, file);
  }

  /** Loaded when somebody looks at recordings: most who load the palette don't. */
  open(): Promise<{ readonly library: Library; readonly archive: library.Archive }> {
    return (this.#opened ??= import('../../../recorder/archive/index.js').then((loaded) => {
      this.#archive = new loaded.Archive(this.#indexFile);
      this.#archive.watch(this.folders);
      return { library: loaded, archive: this.#archive };
    }));
  }
}

/** The folders of a runtime. */
export const recordingFoldersOf = oncePerRuntime((RED) => new RecordingFolders(RED));

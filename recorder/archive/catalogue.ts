/**
 * The index of recordings: an SQLite file of its own, made from the metadata files and from nothing else, so it may be lost at any time.
 * Everything here is synchronous and belongs into a worker.
 */
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import path from 'node:path';

import { Database, type QueryResult, type SQLiteValue } from 'node-sqlite3-wasm';

import type { IndexEntry, ListedRecording } from './entry';
import {
  encodeCursor,
  conditionsOf,
  decodeCursor,
  foldText,
  PAGE_RECORDINGS,
  type SearchPage,
  type Search,
} from './search';

/** Another number makes the index anew. */
const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE recording (
    id TEXT PRIMARY KEY, folder TEXT NOT NULL, name TEXT NOT NULL, stamp TEXT NOT NULL,
    started INTEGER NOT NULL, duration INTEGER NOT NULL, device TEXT NOT NULL, user TEXT NOT NULL, party TEXT NOT NULL, callRef TEXT NOT NULL,
    alarm TEXT NOT NULL, listed TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX by_time ON recording (started, id);
  CREATE INDEX by_folder ON recording (folder);
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Where a recording lies. */
export interface RecordingLocation {
  readonly folder: string;
  /** Relative to the folder, separated by `/`, without extension. */
  readonly name: string;
}

export class Catalogue {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Opens the file; what isn't a whole index of this version is made anew.
   * @throws the system's error, or SQLite's
   */
  static open(file: string): Catalogue {
    try {
      return new Catalogue(openDatabase(file));
    } catch {
      // Torn by a crash of the machine, or of another version: what is in it can be read again from the metadata files.
      return Catalogue.replace(file);
    }
  }

  /** Opens the file anew and empty, whatever is in it. @throws the system's error, or SQLite's */
  static replace(file: string): Catalogue {
    for (const extension of ['', '-journal', '.lock'])
      rmSync(file + extension, { recursive: true, force: true });
    return new Catalogue(openDatabase(file));
  }

  /** @param stamp tells this content of the metadata file from an earlier one */
  put(folder: string, { name, callRefs, ...listed }: IndexEntry, stamp: string): void {
    const searchText = (texts: readonly string[]): string => foldText(texts.join('\n'));
    this.#database.run('INSERT OR REPLACE INTO recording VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
      listed.id,
      folder,
      name,
      stamp,
      Date.parse(listed.startedAt),
      Math.round(listed.durationMs),
      foldText(listed.deviceNumber),
      foldText(listed.user),
      searchText(listed.parties.flatMap((party) => [party.number, party.name])),
      searchText(callRefs),
      listed.alarms.length === 0 ? '' : ` ${listed.alarms.join(' ')} `,
      JSON.stringify(listed),
    ]);
  }

  remove(id: string): void {
    this.#database.run('DELETE FROM recording WHERE id = ?', id);
  }

  /** The stamps of those that are known among these. */
  stampsOf(ids: readonly string[]): Map<string, string> {
    const rows = this.#rows(
      `SELECT id, stamp FROM recording WHERE id IN (${ids.map(() => '?').join(', ')})`,
      ids,
    );
    return new Map(rows.map(({ id, stamp }) => [String(id), String(stamp)]));
  }

  idsIn(folder: string): string[] {
    return this.#rows('SELECT id FROM recording WHERE folder = ?', [folder]).map(({ id }) => String(id));
  }

  /** Forgets what lies in no folder of these. */
  removeOtherFolders(folders: readonly string[]): void {
    this.#database.run(`DELETE FROM recording WHERE folder NOT IN (${folders.map(() => '?').join(', ')})`, [
      ...folders,
    ]);
  }

  /** What is done in it is done as one, and much faster. */
  inTransaction(work: () => void): void {
    this.#database.exec('BEGIN');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  search(search: Search, folders: readonly string[]): SearchPage {
    const { sql, values } = conditionsOf(search, folders);
    const count = Number(
      this.#rows(`SELECT count(*) AS count FROM recording WHERE ${sql}`, values)[0]?.count ?? 0,
    );
    const cursor = decodeCursor(search.after);
    const [page, cursorValues] = cursor
      ? [' AND (started, id) < (?, ?)', [cursor.startedMs, cursor.id]]
      : ['', []];
    const rows = this.#rows(
      `SELECT listed FROM recording WHERE ${sql}${page} ORDER BY started DESC, id DESC LIMIT ${PAGE_RECORDINGS + 1}`,
      [...values, ...cursorValues],
    );
    const recordings = rows
      .slice(0, PAGE_RECORDINGS)
      .map(({ listed }) => JSON.parse(String(listed)) as ListedRecording);
    const last = rows.length > PAGE_RECORDINGS ? recordings.at(-1) : undefined;
    return { recordings, count, ...(last ? { after: encodeCursor(last) } : {}) };
  }

  /** @returns undefined when it isn't known, or lies in no folder of these */
  locate(id: string, folders: readonly string[]): RecordingLocation | undefined {
    const [row] = this.#rows('SELECT folder, name FROM recording WHERE id = ?', [id]);
    const folder = String(row?.folder);
    return row && folders.includes(folder) ? { folder, name: String(row.name) } : undefined;
  }

  close(): void {
    this.#database.close();
  }

  #rows(sql: string, values: readonly (string | number)[]): Record<string, SQLiteValue>[] {
    return this.#database.all(sql, [...values]).map(asRow);
  }
}

/** Rows are nested only when that is asked for. */
const asRow = (row: QueryResult): Record<string, SQLiteValue> => row as Record<string, SQLiteValue>;

/** @throws when it is no whole index of this version */
function openDatabase(file: string): Database {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  // Numbers and names of people are in it.
  closeSync(openSync(file, 'a', 0o600));
  // The library's lock is a folder, which a kill -9 leaves behind. The user directory belongs to one Node-RED, so nobody else can hold it.
  rmSync(`${file}.lock`, { recursive: true, force: true });
  const database = new Database(file);
  try {
    // Nothing that can't be read again is in it: no waiting for the disk. A crash of the machine may tear it, which the check finds.
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY',
    );
    const version = Number(asRow(database.get('PRAGMA user_version') ?? {}).user_version);
    if (version === 0) database.exec(SCHEMA);
    else if (
      version !== SCHEMA_VERSION ||
      asRow(database.get('PRAGMA quick_check') ?? {}).quick_check !== 'ok'
    )
      throw new Error(`${file} is no whole index of version ${SCHEMA_VERSION}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

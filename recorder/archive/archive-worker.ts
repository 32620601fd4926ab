/** The worker of the index: it searches, and looks through the folders again when what it knows may be old. */
import { parentPort, workerData } from 'node:worker_threads';

import { messageOf } from '../common';
import { Catalogue } from './catalogue';
import type { ArchiveRequest, ArchiveMethods, ArchiveReply } from './protocol';
import { refreshEntries, scan } from './scan';

/** Somebody else may write into the folders, so a search looks through them again after a while, and the longer the longer that takes. */
const RESCAN_INTERVAL_MS = 60_000;
const RESCAN_PAUSE_FACTOR = 20;

const { file } = workerData as { readonly file: string };
let catalogue = Catalogue.open(file);
let folders: readonly string[] = [];
let unreadable: readonly string[] = [];
/** Metadata files looked at so far, while folders are looked through. */
let building: number | undefined;
/** The first look through these folders isn't over: what is found isn't all. */
let incomplete = true;
let rescanDueAt = 0;
/** When the index may be made anew once more. */
let rebuildAllowedAt = 0;
/** Counts the calls of `watch`: a scan of older folders has no say any more. */
let watchCount = 0;

const methods: ArchiveMethods = {
  search(search) {
    if (building === undefined && performance.now() >= rescanDueAt) void rescan();
    return {
      ...catalogue.search(search, folders),
      ...(incomplete ? { building: building ?? 0 } : {}),
      unreadable,
    };
  },
  locate: (id) => catalogue.locate(id, folders),
  watch(all) {
    folders = all;
    watchCount += 1;
    incomplete = true;
    if (building === undefined) void rescan();
  },
  refresh({ folder, name }) {
    if (folders.includes(folder)) refreshEntries(catalogue, folder, [name]);
  },
};

async function rescan(): Promise<void> {
  const startedAt = performance.now();
  const watchCountAtStart = watchCount;
  building = 0;
  let failure: string | undefined;
  try {
    const scanned = await scan(catalogue, folders, (files) => {
      building = files;
    });
    unreadable = scanned.unreadable.map(({ folder, error }) => `${folder}: ${error.message}`);
  } catch (error) {
    failure = messageOf(error);
    unreadable = [failure];
  }
  building = undefined;
  if (watchCountAtStart !== watchCount) return rescan();
  incomplete = failure !== undefined;
  rescanDueAt =
    performance.now() + Math.max(RESCAN_INTERVAL_MS, RESCAN_PAUSE_FACTOR * (performance.now() - startedAt));
}

/** Each order came with its own argument. */
const methodTable = methods as Readonly<
  Record<
    keyof ArchiveMethods,
    (argument: ArchiveRequest['argument']) => ReturnType<ArchiveMethods[keyof ArchiveMethods]>
  >
>;

parentPort?.on('message', (request: ArchiveRequest) => {
  const { requestId } = request;
  let reply: ArchiveReply;
  try {
    reply = { requestId, result: methodTable[request.method](request.argument) };
  } catch (error) {
    reply = { requestId, error: messageOf(error) };
  }
  parentPort?.postMessage(reply);
  if ('error' in reply) rebuild();
});

/** What SQLite can't do with its own file, it can with a new one; with a full disk it can't, so not again and again. */
function rebuild(): void {
  if (performance.now() < rebuildAllowedAt) return;
  rebuildAllowedAt = performance.now() + RESCAN_INTERVAL_MS;
  catalogue.close();
  catalogue = Catalogue.replace(file);
  methods.watch(folders);
}

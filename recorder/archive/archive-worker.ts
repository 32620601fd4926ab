/** The worker of the index: it searches, and looks through the folders again when what it knows may be old. */
import { parentPort, workerData } from 'node:worker_threads';

import { messageOf } from '../common';
import { Catalogue } from './catalogue';
import type { Order, Orders, Reply } from './protocol';
import { lookAt, scan } from './scan';

/** Somebody else may write into the folders, so a search looks through them again after a while, and the longer the longer that takes. */
const LOOK_AGAIN_MS = 60_000;
const PAUSE = 20;

const { file } = workerData as { readonly file: string };
let catalogue = Catalogue.open(file);
let folders: readonly string[] = [];
let unreadable: readonly string[] = [];
/** Metadata files looked at so far, while folders are looked through. */
let building: number | undefined;
/** The first look through these folders isn't over: what is found isn't all. */
let incomplete = true;
let dueAt = 0;
/** When the index may be made anew once more. */
let anewAt = 0;
/** Counts the calls of `watch`: a scan of older folders has no say any more. */
let watched = 0;

const orders: Orders = {
  search(search) {
    if (building === undefined && performance.now() >= dueAt) void look();
    return {
      ...catalogue.search(search, folders),
      ...(incomplete ? { building: building ?? 0 } : {}),
      unreadable,
    };
  },
  placeOf: (id) => catalogue.placeOf(id, folders),
  watch(all) {
    folders = all;
    watched += 1;
    incomplete = true;
    if (building === undefined) void look();
  },
  lookAt({ folder, name }) {
    if (folders.includes(folder)) lookAt(catalogue, folder, [name]);
  },
};

async function look(): Promise<void> {
  const since = performance.now();
  const round = watched;
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
  if (round !== watched) return look();
  incomplete = failure !== undefined;
  dueAt = performance.now() + Math.max(LOOK_AGAIN_MS, PAUSE * (performance.now() - since));
}

/** Each order came with its own argument. */
const obey = orders as Readonly<
  Record<keyof Orders, (argument: Order['argument']) => ReturnType<Orders[keyof Orders]>>
>;

parentPort?.on('message', (order: Order) => {
  const { request } = order;
  let reply: Reply;
  try {
    reply = { request, answer: obey[order.order](order.argument) };
  } catch (error) {
    reply = { request, error: messageOf(error) };
  }
  parentPort?.postMessage(reply);
  if ('error' in reply) startAnew();
});

/** What SQLite can't do with its own file, it can with a new one; with a full disk it can't, so not again and again. */
function startAnew(): void {
  if (performance.now() < anewAt) return;
  anewAt = performance.now() + LOOK_AGAIN_MS;
  catalogue.close();
  catalogue = Catalogue.replace(file);
  orders.watch(folders);
}

/**
 * What the recordings page asks for. Everything needs the permission `o2g.recordings`, which Node-RED's wildcards for reading and writing don't
 * give. Only the sound and the files themselves are served for a ticket instead, and each ticket is written down before it is given.
 */
import path from 'node:path';
import type { NodeAPI } from 'node-red';
import { O2GError, invalid } from '../../../o2g';
import type { Access, Place } from '../../../recorder/archive';
import { inOurWords } from '../recorder';
import { sendBytes } from './byte-range';
import { needsPermission, type AdminRequest, type AdminResponse } from '../admin';
import { recordingFoldersOf } from '../config';
import { Tickets } from './tickets';
import { Waveforms } from './waveform-cache';

/** What a ticket is asked for, and how the log of accesses calls that. */
const PURPOSES: Readonly<Record<string, Access['how']>> = {
  playback: 'played',
  download: 'downloaded',
  metadata: 'metadata downloaded',
};
/** Ours: bad input; what isn't as it was recorded, or can't be read here; everything else is a fault. */
const STATUS: Readonly<Record<string, number>> = {
  INVALID_INPUT: 400,
  NOT_FOUND: 404,
  KEY_UNKNOWN: 409,
  ALTERED: 409,
};

interface Admission {
  readonly place: Place;
  readonly how: Access['how'];
}

/** Adds the routes `o2g/recordings`, `o2g/recordings/:id/…` and `o2g/tickets/:ticket`. */
export function offerRecordings(RED: NodeAPI): void {
  const folders = recordingFoldersOf(RED);
  const tickets = new Tickets<Admission>();
  const waveforms = new Waveforms();
  const guard = needsPermission(RED, 'o2g.recordings');

  /** Nothing that a handler throws goes further than to who asked. */
  const guarded =
    (handle: (request: AdminRequest, response: AdminResponse) => Promise<void>) =>
    (request: AdminRequest, response: AdminResponse): void => {
      response.set('Cache-Control', 'no-store');
      handle(request, response).catch((error: unknown) => {
        const { code, message } = inOurWords(error);
        if (response.headersSent) response.destroy();
        else response.status(STATUS[code] ?? 500).json({ code, message });
      });
    };

  /** For one recording: unknown ones are all alike. */
  const ofOne = (handle: (place: Place, request: AdminRequest, response: AdminResponse) => Promise<void>) =>
    guarded(async (request, response) => {
      const { archive } = await folders.open();
      const place = await archive.placeOf(String(request.params.id));
      await handle(there(place), request, response);
    });

  RED.httpAdmin.get(
    '/o2g/recordings',
    guard,
    guarded(async ({ query }, response) => {
      const { library, archive } = await folders.open();
      response.json({
        ...(await archive.search(library.readSearch(query))),
        folders: folders.folders.length,
      });
    }),
  );

  RED.httpAdmin.get(
    '/o2g/recordings/:id',
    guard,
    ofOne(async (place, _request, response) => {
      const { library } = await folders.open();
      const { fields } = there(await library.readMetadata(place));
      response.json({ name: place.name, metadata: fields });
    }),
  );

  RED.httpAdmin.get(
    '/o2g/recordings/:id/waveform',
    guard,
    ofOne(async (place, _request, response) => {
      const { library } = await folders.open();
      const audio = there(await library.openAudio(place, await folders.keysOf(place.folder)));
      response.json(there(await waveforms.get(audio, library.waveformOf)));
    }),
  );

  RED.httpAdmin.get(
    '/o2g/recordings/:id/verification',
    guard,
    ofOne(async (place, _request, response) => {
      const { library } = await folders.open();
      response.json(await library.verify(place));
    }),
  );

  RED.httpAdmin.post(
    '/o2g/recordings/:id/tickets',
    guard,
    ofOne(async (place, request, response) => {
      const { library } = await folders.open();
      const how = Object.entries(PURPOSES).find(([purpose]) => purpose === request.query.for)?.[1];
      if (!how) throw invalid('for', request.query.for, `one of ${Object.keys(PURPOSES).join(', ')}`);
      // Opened to see whether it can be: what can't be heard needs no line.
      if (how === 'metadata downloaded') there(await library.readMetadata(place));
      else await there(await library.openAudio(place, await folders.keysOf(place.folder))).recording.close();
      await writeDown(place, how, request);
      response.json({ ticket: tickets.issue({ place, how }) });
    }),
  );

  RED.httpAdmin.get(
    '/o2g/tickets/:ticket',
    guarded(async (request, response) => {
      const admission = there(tickets.use(String(request.params.ticket)));
      response.on('close', () => {
        tickets.use(String(request.params.ticket));
      });
      await serve(admission, request, response);
    }),
  );

  /** Rejects when it can't be written: then nothing is served. */
  async function writeDown(place: Place, how: Access['how'], request: AdminRequest): Promise<void> {
    const { library } = await folders.open();
    const { username } = (request as { user?: { username?: unknown } }).user ?? {};
    const who = typeof username === 'string' ? username : 'anonymous';
    await library.writeAccess(place.folder, { who, how, recording: place.name });
    // Its type knows no fields of one's own.
    (RED.log as { audit(line: object, request: AdminRequest): void }).audit(
      { event: 'o2g.recordings', how, recording: place.name },
      request,
    );
  }

  async function serve(
    { place, how }: Admission,
    request: AdminRequest,
    response: AdminResponse,
  ): Promise<void> {
    const { library } = await folders.open();
    const name = path.posix.basename(place.name);
    if (how === 'metadata downloaded') {
      const { text } = there(await library.readMetadata(place));
      response.attachment(`${name}.json`).type('application/json').send(text);
      return;
    }
    const audio = there(await library.openAudio(place, await folders.keysOf(place.folder)));
    try {
      if (how === 'downloaded') response.attachment(`${name}.wav`);
      response.set({
        'Content-Type': 'audio/wav',
        'X-Content-Type-Options': 'nosniff',
        'Accept-Ranges': 'bytes',
        ETag: `"${audio.stamp}"`,
      });
      await sendBytes(audio.recording, request, response);
    } finally {
      await audio.recording.close();
    }
  }
}

/** Whatever the reason: what isn't there, isn't known and isn't admitted are all alike. @throws O2GError `NOT_FOUND` */
function there<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new O2GError('NOT_FOUND', 'there is no such recording');
  return thing;
}

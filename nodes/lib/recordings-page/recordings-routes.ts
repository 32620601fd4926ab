/**
 * What the recordings page asks for. Everything needs the permission `o2g.recordings`, which Node-RED's wildcards for reading and writing don't
 * give. Only the sound and the files themselves are served for a ticket instead, and each ticket is written down before it is given.
 */
import path from 'node:path';
import type { NodeAPI } from 'node-red';
import { O2GError, invalid } from '../../../o2g';
import type { Access, RecordingLocation } from '../../../recorder/archive';
import { fromRecorderError } from '../recorder';
import { sendBytes } from './byte-range';
import { needsPermission, type AdminRequest, type AdminResponse } from '../admin';
import { recordingFoldersOf } from '../config';
import { Tickets } from './tickets';
import { WaveformCache } from './waveform-cache';

/** What a ticket is asked for, and how the log of accesses calls that. */
const PURPOSES: Readonly<Record<string, Access['how']>> = {
  playback: 'played',
  download: 'downloaded',
  metadata: 'metadata downloaded',
};
/** Ours: bad input; what isn't as it was recorded, or can't be read here; everything else is a fault. */
const HTTP_STATUS: Readonly<Record<string, number>> = {
  INVALID_INPUT: 400,
  NOT_FOUND: 404,
  KEY_UNKNOWN: 409,
  ALTERED: 409,
};

interface TicketGrant {
  readonly location: RecordingLocation;
  readonly how: Access['how'];
}

/** Adds the routes `o2g/recordings`, `o2g/recordings/:id/…` and `o2g/tickets/:ticket`. */
export function addRecordingsRoutes(RED: NodeAPI): void {
  const folders = recordingFoldersOf(RED);
  const tickets = new Tickets<TicketGrant>();
  const waveforms = new WaveformCache();
  const guard = needsPermission(RED, 'o2g.recordings');

  /** Nothing that a handler throws goes further than to who asked. */
  const handleErrors =
    (handle: (request: AdminRequest, response: AdminResponse) => Promise<void>) =>
    (request: AdminRequest, response: AdminResponse): void => {
      response.set('Cache-Control', 'no-store');
      handle(request, response).catch((error: unknown) => {
        const { code, message } = fromRecorderError(error);
        if (response.headersSent) response.destroy();
        else response.status(HTTP_STATUS[code] ?? 500).json({ code, message });
      });
    };

  /** For one recording: unknown ones are all alike. */
  const forRecording = (
    handle: (location: RecordingLocation, request: AdminRequest, response: AdminResponse) => Promise<void>,
  ) =>
    handleErrors(async (request, response) => {
      const { archive } = await folders.open();
      const location = await archive.locate(String(request.params.id));
      await handle(orNotFound(location), request, response);
    });

  RED.httpAdmin.get(
    '/o2g/recordings',
    guard,
    handleErrors(async ({ query }, response) => {
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
    forRecording(async (location, _request, response) => {
      const { library } = await folders.open();
      const { fields } = orNotFound(await library.readMetadata(location));
      response.json({ name: location.name, metadata: fields });
    }),
  );

  RED.httpAdmin.get(
    '/o2g/recordings/:id/waveform',
    guard,
    forRecording(async (location, _request, response) => {
      const { library } = await folders.open();
      const audio = orNotFound(await library.openAudio(location, await folders.keysOf(location.folder)));
      response.json(orNotFound(await waveforms.get(audio, library.waveformOf)));
    }),
  );

  RED.httpAdmin.get(
    '/o2g/recordings/:id/verification',
    guard,
    forRecording(async (location, _request, response) => {
      const { library } = await folders.open();
      response.json(await library.verify(location));
    }),
  );

  RED.httpAdmin.post(
    '/o2g/recordings/:id/tickets',
    guard,
    forRecording(async (location, request, response) => {
      const { library } = await folders.open();
      const how = Object.entries(PURPOSES).find(([purpose]) => purpose === request.query.for)?.[1];
      if (!how) throw invalid('for', request.query.for, `one of ${Object.keys(PURPOSES).join(', ')}`);
      // Opened to see whether it can be: what can't be heard needs no line.
      if (how === 'metadata downloaded') orNotFound(await library.readMetadata(location));
      else
        await orNotFound(
          await library.openAudio(location, await folders.keysOf(location.folder)),
        ).recording.close();
      await logAccess(location, how, request);
      response.json({ ticket: tickets.issue({ location, how }) });
    }),
  );

  RED.httpAdmin.get(
    '/o2g/tickets/:ticket',
    handleErrors(async (request, response) => {
      const grant = orNotFound(tickets.use(String(request.params.ticket)));
      response.on('close', () => {
        tickets.use(String(request.params.ticket));
      });
      await serve(grant, request, response);
    }),
  );

  /** Rejects when it can't be written: then nothing is served. */
  async function logAccess(
    location: RecordingLocation,
    how: Access['how'],
    request: AdminRequest,
  ): Promise<void> {
    const { library } = await folders.open();
    const { username } = (request as { user?: { username?: unknown } }).user ?? {};
    const who = typeof username === 'string' ? username : 'anonymous';
    await library.writeAccess(location.folder, { who, how, recording: location.name });
    // Its type knows no fields of one's own.
    (RED.log as { audit(line: object, request: AdminRequest): void }).audit(
      { event: 'o2g.recordings', how, recording: location.name },
      request,
    );
  }

  async function serve(
    { location, how }: TicketGrant,
    request: AdminRequest,
    response: AdminResponse,
  ): Promise<void> {
    const { library } = await folders.open();
    const name = path.posix.basename(location.name);
    if (how === 'metadata downloaded') {
      const { text } = orNotFound(await library.readMetadata(location));
      response.attachment(`${name}.json`).type('application/json').send(text);
      return;
    }
    const audio = orNotFound(await library.openAudio(location, await folders.keysOf(location.folder)));
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
function orNotFound<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new O2GError('NOT_FOUND', 'there is no such recording');
  return value;
}

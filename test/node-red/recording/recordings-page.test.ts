import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startSimulator } from '../../../simulator';
import { encrypt, listed, makeRecordings, type Archived } from '../../recorder/archived';
import { at, portRange, temporaryFolder, until } from '../../recorder/support';
import { config, flow, node, probeIn, probeOut, type Flow } from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed, type NodeRedOptions } from '../../support/node-red';
import { recorderFlow, type Finished } from './recordings';

interface Found {
  readonly count: number;
  readonly recordings: { id: string; deviceNumber: string; startedAt: string }[];
  readonly after?: string;
  readonly building?: number;
  readonly folders: number;
}

const ADMIN_AUTH = { adminAuth: { type: 'credentials', users: [] } };
const NOT_FOUND = { code: 'NOT_FOUND', message: 'there is no such recording' };

describe('what the recordings page asks for', function () {
  this.timeout(120_000);
  let folder: string;
  let made: Archived[];
  let red: NodeRed;

  const flows = (more: Parameters<typeof flow>[0] = []): Flow =>
    flow([
      config('recorder', 'o2g-recorder', {
        name: '',
        address: '127.0.0.1',
        bind: '127.0.0.1',
        ...portRange(),
        folder,
        filename: '',
        format: 'g711',
        split: 'conversation',
        maxMinutes: 240,
      }),
      ...more,
    ]);
  const start = async (count: number, options: NodeRedOptions = {}): Promise<void> => {
    folder = join(await temporaryFolder(), 'recordings');
    made = await makeRecordings(folder, count);
    red = await startNodeRed({ flows: flows(), ...options });
  };
  const post = (path: string): Promise<Response> => red.admin(path, { method: 'POST' });
  const found = async (query = ''): Promise<Found> =>
    (await red.admin(`/o2g/recordings${query}`)).json() as Promise<Found>;
  /** What is found when the whole folder was looked through. */
  const complete = async (): Promise<Found> => {
    await until('the index', async () => (await found()).building === undefined, 60_000);
    return found();
  };
  const idOf = async (number: number): Promise<string> => at((await complete()).recordings, number).id;
  const ticketFor = async (id: string, purpose = 'playback'): Promise<string> => {
    const response = await post(`/o2g/recordings/${id}/tickets?for=${purpose}`);
    assert.equal(response.status, 200, await response.clone().text());
    return ((await response.json()) as { ticket: string }).ticket;
  };
  /** As an audio element asks: without the editor's token. */
  const audio = (ticket: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
    fetch(`${red.url}/o2g/tickets/${ticket}`, { method, headers });
  const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());
  const accesses = async (): Promise<{ who: string; how: string; recording: string }[]> => {
    const file = join(folder, 'access.jsonl');
    if (!existsSync(file)) return [];
    return (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { who: string; how: string; recording: string });
  };

  afterEach(async () => {
    assert.ok(red.alive());
    await stopAll();
  });

  it('needs the permission o2g.recordings, which neither read nor write gives, whether a recording is there or not', async () => {
    await start(3, { settings: ADMIN_AUTH });
    const id = await idOf(0);
    const routes: [method: string, path: string][] = [id, 'f'.repeat(32)].flatMap((each) => [
      ['GET', '/o2g/recordings'],
      ['GET', `/o2g/recordings/${each}`],
      ['GET', `/o2g/recordings/${each}/waveform`],
      ['GET', `/o2g/recordings/${each}/verification`],
      ['POST', `/o2g/recordings/${each}/tickets?for=playback`],
      ['POST', `/o2g/recordings/${each}/tickets?for=download`],
    ]);
    for (const [method, path] of routes) {
      const status = async (permissions: string): Promise<number> =>
        (
          await red.admin(path, {
            method,
            headers: { authorization: permissions === '' ? '' : `Bearer ${red.token(permissions)}` },
          })
        ).status;
      assert.deepEqual(
        [
          path,
          ...(await Promise.all(['', 'read', 'write', 'flows.write', 'o2g.read', 'o2g.write'].map(status))),
        ],
        [path, 401, 403, 403, 403, 403, 403],
      );
      assert.deepEqual(
        [path, ...(await Promise.all(['o2g.recordings', '*'].map(status)))],
        [path, ...(path.includes('f'.repeat(32)) ? [404, 404] : [200, 200])],
      );
    }
    assert.deepEqual(new Set((await accesses()).map(({ who }) => who)), new Set(['test']));
  });

  it('is found by what was asked, page by page, and a wrong question is told', async () => {
    await start(250);
    const first = await complete();
    assert.deepEqual([first.count, first.recordings.length, first.folders], [250, 200, 1]);
    const second = await found(`?after=${first.after ?? ''}`);
    assert.deepEqual(
      [...first.recordings, ...second.recordings].map(({ startedAt }) => startedAt),
      made.map(({ metadata }) => metadata.startedAt),
    );
    const { deviceNumber } = at(first.recordings, 7);
    assert.ok(
      (await found(`?device=${deviceNumber}&alarm=any`)).recordings.every(
        (each) => each.deviceNumber === deviceNumber,
      ),
    );
    assert.equal(
      (await found('?party=' + encodeURIComponent('élodie'))).count,
      made.filter(({ metadata }) => JSON.stringify(metadata).includes('Élodie')).length,
    );
    for (const [query, rule] of [
      ['?from=yesterday', /^from: "yesterday" is refused, it must be a whole number/],
      ['?colour=red', /^colour: /],
      ['?device=1&device=2', /^device: /],
      ['?device[x]=1', /^device/],
      ['?after=1', /^after: /],
      [`?party=${'x'.repeat(300)}`, /^party: /],
    ] as const) {
      const response = await red.admin(`/o2g/recordings${query}`);
      const { code, message } = (await response.json()) as { code: string; message: string };
      assert.deepEqual([response.status, code], [400, 'INVALID_INPUT'], query);
      assert.match(message, rule);
    }
  });

  it('is a recording as soon as its call has ended: what is known of it, how it looks, and that it is as it was recorded', async () => {
    const oxe = await startSimulator({ devices: ['70000-70009'] });
    const { flows: recording, folder: own } = await recorderFlow(oxe, {
      link: { devices: '70001', media: 'recorder', record: 'all' },
      record: { recorder: '' },
    });
    folder = own;
    red = await startNodeRed({ flows: recording });
    assert.equal((await complete()).count, 0);
    await oxe.once(() => oxe.recorded(7).length === 1, { timeoutMs: 30_000, what: 'recorded' });
    const call = oxe.call({ from: '0390670000', to: '70001' });
    await call.answered();
    await until('some sound', () => Promise.resolve(oxe.rtp('70001').sent > 60));
    await call.hangUp();
    const { payload } = await red.told<Finished>('unsolicited', ({ topic }) => topic === 'finished', {
      timeoutMs: 30_000,
    });
    await until('the recording in the index', async () => (await found()).count === 1);
    const { id } = at((await found('?party=0390670000&device=70001')).recordings, 0);
    const { metadata } = (await (await red.admin(`/o2g/recordings/${id}`)).json()) as { metadata: Finished };
    assert.deepEqual(
      [metadata.file, metadata.sha256, metadata.durationMs],
      [payload.file, payload.sha256, payload.durationMs],
    );
    const waveform = (await (await red.admin(`/o2g/recordings/${id}/waveform`)).json()) as {
      durationMs: number;
      sent: number[];
      received: number[];
    };
    assert.equal(waveform.durationMs, payload.durationMs);
    assert.ok(Math.max(...waveform.sent) > 0 && Math.max(...waveform.received) > 0);
    assert.deepEqual(await (await red.admin(`/o2g/recordings/${id}/verification`)).json(), {
      state: 'verified',
      files: [],
      chain: 'whole',
      held: false,
    });
    assert.deepEqual(await bytesOf(await audio(await ticketFor(id))), await readFile(payload.file));
    assert.deepEqual(oxe.violations(), []);
    await red.stop();
    await oxe.close();
    red = await startNodeRed({ userDir: red.userDir });
    assert.equal((await complete()).count, 1);
  });

  it('gives the sound for a ticket, whole and in ranges, to nobody else and nothing else', async () => {
    await start(3, { settings: ADMIN_AUTH });
    const id = await idOf(1);
    const wav = await readFile(join(folder, `${at(made, 1).name}.wav`));
    const ticket = await ticketFor(id);
    assert.match(ticket, /^[\w-]{43}$/);

    const whole = await audio(ticket);
    const { headers } = whole;
    assert.deepEqual(
      [
        whole.status,
        headers.get('content-type'),
        headers.get('content-length'),
        headers.get('accept-ranges'),
        headers.get('cache-control'),
        headers.get('content-disposition'),
      ],
      [200, 'audio/wav', String(wav.length), 'bytes', 'no-store', null],
    );
    assert.deepEqual(await bytesOf(whole), wav);
    const etag = headers.get('etag') ?? assert.fail('no ETag');

    const parts: [range: string, from: number, to: number][] = [
      ['bytes=0-99', 0, 100],
      ['bytes=1000-', 1000, wav.length],
      ['bytes=-500', wav.length - 500, wav.length],
      ['bytes=150000-999999999', 150_000, wav.length],
    ];
    for (const [range, from, to] of parts) {
      const part = await audio(ticket, { range, 'if-range': etag });
      assert.deepEqual(
        [range, part.status, part.headers.get('content-range'), part.headers.get('content-length')],
        [range, 206, `bytes ${from}-${to - 1}/${wav.length}`, String(to - from)],
      );
      assert.deepEqual(await bytesOf(part), wav.subarray(from, to));
    }
    for (const [asked, status] of [
      [{ range: 'bytes=0-9,20-29' }, 200],
      [{ range: 'pages=1-2' }, 200],
      [{ range: 'bytes=0-9', 'if-range': '"another"' }, 200],
      [{ range: `bytes=${wav.length}-` }, 416],
    ] as const) {
      const response = await audio(ticket, asked);
      assert.equal(response.status, status, JSON.stringify(asked));
      if (status === 416) assert.equal(response.headers.get('content-range'), `bytes */${wav.length}`);
      else assert.equal((await bytesOf(response)).length, wav.length);
    }
    const head = await audio(ticket, {}, 'HEAD');
    assert.deepEqual(
      [head.status, head.headers.get('content-length'), (await bytesOf(head)).length],
      [200, String(wav.length), 0],
    );

    for (const wrong of [
      `${ticket}x`,
      ticket.slice(0, -1),
      id,
      'x',
      '..%2f..%2f..%2fetc%2fpasswd',
      '%00',
      'constructor',
      '__proto__',
    ]) {
      const response = await audio(wrong);
      assert.deepEqual([wrong, response.status, await response.json()], [wrong, 404, NOT_FOUND]);
    }
    for (const wrong of [
      '..%2f..%2fetc%2fpasswd',
      encodeURIComponent(at(made, 1).name),
      `${id}'`,
      '%00',
      'f'.repeat(32),
    ]) {
      const response = await red.admin(`/o2g/recordings/${wrong}`);
      assert.deepEqual([wrong, response.status, await response.json()], [wrong, 404, NOT_FOUND]);
    }
    assert.equal((await post(`/o2g/recordings/${id}/tickets?for=fun`)).status, 400);
    assert.deepEqual(
      (await accesses()).map(({ who, how, recording }) => [who, how, recording]),
      [['test', 'played', at(made, 1).name]],
      'a line for the ticket, none for a range',
    );
  });

  it('gives a recording and its metadata to be taken away, and writes down each time who did it', async () => {
    await start(3, { settings: { logging: { console: { level: 'info', metrics: false, audit: true } } } });
    const id = await idOf(2);
    const { name } = at(made, 2);
    const base = name.replace(/^.*\//, '');
    const sound = await audio(await ticketFor(id, 'download'));
    assert.equal(sound.headers.get('content-disposition'), `attachment; filename="${base}.wav"`);
    assert.deepEqual(await bytesOf(sound), await readFile(join(folder, `${name}.wav`)));
    const metadata = await audio(await ticketFor(id, 'metadata'));
    assert.deepEqual(
      [metadata.headers.get('content-disposition'), metadata.headers.get('content-type')],
      [`attachment; filename="${base}.json"`, 'application/json; charset=utf-8'],
    );
    assert.equal(await metadata.text(), await readFile(join(folder, `${name}.json`), 'utf8'));
    assert.deepEqual(
      (await accesses()).map(({ who, how, recording }) => [who, how, recording]),
      [
        ['anonymous', 'downloaded', name],
        ['anonymous', 'metadata downloaded', name],
      ],
    );
    await red.printed(/"event":"o2g\.recordings","how":"metadata downloaded"/);
  });

  it("gives nothing when the line can't be written", async () => {
    await start(2);
    const id = await idOf(0);
    await mkdir(join(folder, 'access.jsonl'));
    const response = await post(`/o2g/recordings/${id}/tickets?for=playback`);
    assert.equal(response.status, 500);
    assert.deepEqual(Object.keys((await response.json()) as object).sort(), ['code', 'message']);
    await rm(join(folder, 'access.jsonl'), { recursive: true });
    assert.equal((await audio(await ticketFor(id))).status, 200);
  });

  it('is told apart: what is gone, and what is no sound', async () => {
    await start(3);
    const [gone, silent] = [await idOf(0), await idOf(1)];
    const ticket = await ticketFor(gone);
    await rm(join(folder, `${at(made, 0).name}.json`));
    await rm(join(folder, `${at(made, 0).name}.wav`));
    await rm(join(folder, `${at(made, 1).name}.wav`));
    assert.equal((await audio(ticket)).status, 404);
    assert.equal((await red.admin(`/o2g/recordings/${gone}`)).status, 404);
    assert.equal((await red.admin(`/o2g/recordings/${silent}`)).status, 200);
    assert.equal((await red.admin(`/o2g/recordings/${silent}/waveform`)).status, 404);
    assert.equal((await post(`/o2g/recordings/${silent}/tickets?for=download`)).status, 404);
    assert.equal((await post(`/o2g/recordings/${silent}/tickets?for=metadata`)).status, 200);
    assert.deepEqual(
      (await accesses()).map(({ how }) => how),
      ['played', 'metadata downloaded'],
    );
  });

  it("plays encrypted recordings with the keys of their recorder, in ranges too; another's key is told, and nothing is served", async () => {
    const [present, previous, foreign] = ['1'.repeat(64), 'a passphrase of the year before', '3'.repeat(64)];
    await start(5, { credentials: { recorder: { key: present, previousKeys: previous } } });
    const names = made.map(({ name }) => name);
    const wav = await readFile(join(folder, `${at(names, 0)}.wav`));
    await Promise.all([
      encrypt(folder, at(names, 0), present),
      encrypt(folder, at(names, 1), previous),
      encrypt(folder, at(names, 2), foreign),
      encrypt(folder, at(names, 3), present),
    ]);
    for (const number of [0, 1]) {
      const id = await idOf(number);
      const ticket = await ticketFor(id);
      assert.deepEqual(await bytesOf(await audio(ticket)), wav);
      const part = await audio(ticket, { range: 'bytes=100001-140000' });
      assert.deepEqual(
        [part.status, part.headers.get('content-range')],
        [206, `bytes 100001-140000/${wav.length}`],
      );
      assert.deepEqual(await bytesOf(part), wav.subarray(100_001, 140_001));
      assert.equal((await red.admin(`/o2g/recordings/${id}/waveform`)).status, 200);
    }
    const id = await idOf(2);
    const refused = await Promise.all([
      post(`/o2g/recordings/${id}/tickets?for=playback`),
      post(`/o2g/recordings/${id}/tickets?for=download`),
      red.admin(`/o2g/recordings/${id}/waveform`),
    ]);
    for (const response of refused) {
      const { code, message } = (await response.json()) as { code: string; message: string };
      assert.deepEqual([response.status, code], [409, 'KEY_UNKNOWN']);
      for (const secret of [present, previous, foreign]) assert.ok(!message.includes(secret));
    }
    assert.deepEqual(
      (await accesses()).map(({ recording }) => recording),
      [at(names, 0), at(names, 1)],
    );

    const file = join(folder, `${at(names, 3)}.wav.enc`);
    const bytes = await readFile(file);
    bytes[100_000] = (bytes[100_000] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const broken = await ticketFor(await idOf(3));
    assert.deepEqual(await bytesOf(await audio(broken, { range: 'bytes=0-9999' })), wav.subarray(0, 10_000));
    await assert.rejects(audio(broken).then(bytesOf), 'cut off where it was altered');
    await assert.rejects(audio(broken, { range: 'bytes=99000-101000' }).then(bytesOf));
    assert.equal((await red.admin(`/o2g/recordings/${await idOf(3)}/waveform`)).status, 409);
  });

  it('knows at once what is deleted and what is held', async () => {
    await start(3, { flows: [] });
    await listed(folder, made);
    await red.deploy(
      flows([
        probeIn('in', 'keep'),
        node('keep', 'o2g-record', { link: '', recorder: 'recorder', action: '' }, 'out', []),
        probeOut('out'),
      ]),
    );
    const [gone, held] = [await idOf(0), await idOf(1)];
    red.inject('in', { action: 'hold', payload: { id: at(made, 1).metadata.id } });
    await red.told('out');
    assert.deepEqual(await (await red.admin(`/o2g/recordings/${held}/verification`)).json(), {
      state: 'verified',
      files: [],
      chain: 'whole',
      held: true,
    });
    red.inject('in', { action: 'delete', payload: { id: at(made, 0).metadata.id } });
    await red.told('out');
    await until('the index without it', async () => (await found()).count === 2);
    assert.equal((await red.admin(`/o2g/recordings/${gone}`)).status, 404);
  });

  it('survives a kill -9 and the loss of the index', async () => {
    await start(30);
    const index = join(red.userDir, '.o2g', 'recordings.sqlite');
    const before = (await complete()).recordings;
    await red.stop('SIGKILL');
    assert.ok(existsSync(`${index}.lock`), 'the lock of who was killed');
    red = await startNodeRed({ userDir: red.userDir });
    assert.deepEqual((await complete()).recordings, before);
    await red.stop();
    for (const file of [index, `${index}.lock`]) await rm(file, { recursive: true, force: true });
    red = await startNodeRed({ userDir: red.userDir });
    assert.deepEqual((await complete()).recordings, before);
  });

  it('follows the recorders that are deployed', async () => {
    await start(3);
    assert.equal((await complete()).count, 3);
    await red.deploy([]);
    assert.deepEqual(await complete(), { recordings: [], count: 0, unreadable: [], folders: 0 });
    await red.deploy(flows());
    assert.equal((await complete()).count, 3);
  });
});

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { whenTestEnds } from '../../support/cleanup';
import { flow, type Flow, type FlowNode } from '../../support/flow';
import { portRange, temporaryFolder } from '../../recorder/support';
import { startNodeRed, stopAll, type Message, type NodeRed } from '../../support/node-red';
import { ROOT } from '../../support/toolchain';
import { startSimulator, voiceOf } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import type { CallChange } from '../../../o2g/calls/call';
import { DEVICES, recordingRequests } from '../flows';
import { decoded, joined, moreSent, pitchOf, type Finished } from '../recording/recordings';

const OUTSIDE = '0390670000';
const PATIENCE = { timeoutMs: 30_000 };

describe('calls and policies, as the examples have them', function () {
  this.timeout(90_000);
  let oxe: Simulator;
  let red: NodeRed;

  before(async () => {
    red = await startNodeRed();
  });
  after(stopAll);
  beforeEach(async () => {
    oxe = await startSimulator({
      devices: [
        '70000-70008',
        { number: '70009', devices: [{ id: '80009', type: 'DECT' }] },
        ...DEVICES.slice(1),
      ],
    });
  });
  afterEach(async () => {
    await red.deploy(flow([]));
    await oxe.once(() => oxe.sessions().length === 0, { what: 'the end of the session', ...PATIENCE });
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  /**
   * Deploys an example as it is, but for where its server is; the link monitors one device more than the policy is about.
   * @param changes by the type of a node, or by its name
   */
  const deploy = async (
    name: string,
    changes: Record<string, Record<string, unknown>> = {},
  ): Promise<Flow> => {
    const nodes = (JSON.parse(readFileSync(join(ROOT, 'examples', `${name}.json`), 'utf8')) as Flow).map(
      (each): FlowNode => {
        if (each.type === 'o2g-server')
          return { ...each, url: oxe.url, credentials: { login: oxe.login, password: oxe.password } };
        return each.type === 'o2g-link'
          ? { ...each, devices: '70000-70009, 70120' }
          : { ...each, ...changes[each.type], ...changes[String(each.name)] };
      },
    );
    await red.deploy(nodes);
    await oxe.once(() => oxe.monitored(7).length === 11 && oxe.channelCount() === 1, {
      what: 'the monitors',
      ...PATIENCE,
    });
    return nodes;
  };

  const recorded = (...devices: string[]): Promise<unknown> =>
    oxe.once(() => oxe.recorded(7).sort().join() === devices.join(), {
      what: `exactly ${devices.join() || 'none'} recorded`,
      ...PATIENCE,
    });

  /** What was asked for each device, in order: between devices the order is nobody's promise. */
  const asked = (): Record<string, string[]> => {
    const byDevice: Record<string, string[]> = {};
    for (const request of recordingRequests(oxe)) {
      const [, method = '', device = ''] =
        /^(POST|DELETE) (?:record|tdmrecord)(?:\/| \{"deviceNumber":")(\w+)/.exec(request) ?? [];
      if (device !== '') (byDevice[device] ??= []).push(method === 'POST' ? 'start' : 'stop');
    }
    return byDevice;
  };

  it('every change of every call, and one line a call of some devices', async () => {
    const names = ['started', 'answered', 'ended', 'held, retrieved, parties', 'calls'];
    await deploy('11 Follow calls', Object.fromEntries(names.map((name) => [name, { type: 'probe-out' }])));
    const call = oxe.call({ from: OUTSIDE, to: '70001' });
    await call.answered();
    await call.hold();
    await call.retrieve();
    await call.hangUp();
    const internal = oxe.call({ from: '70120', to: '70002' });
    await internal.abandon();
    const secret = oxe.call({ from: OUTSIDE, to: '70003', anonymous: true });
    await secret.answered();
    await secret.hangUp();
    // Each way through the flow has an order of its own.
    const told = async (
      name: string,
      lines: readonly string[],
      lineOf: (payload: unknown) => string,
    ): Promise<void> => {
      for (const line of lines) await red.told(name, ({ payload }) => lineOf(payload) === line, PATIENCE);
      assert.equal(red.received(name).length, lines.length, name);
    };
    const change = (payload: unknown): string =>
      `${(payload as CallChange).user} ${(payload as CallChange).change}`;
    const users = ['oxe70001', 'oxe70002', 'oxe70003', 'oxe70120'];
    await told(
      'ended',
      users.map((user) => `${user} ended`),
      change,
    );
    await told(
      'started',
      users.map((user) => `${user} started`),
      change,
    );
    await told('answered', ['oxe70001 answered', 'oxe70003 answered'], change);
    await told('held, retrieved, parties', ['oxe70001 held', 'oxe70001 retrieved'], change);
    await told(
      'calls',
      [`oxe70001 from ${OUTSIDE}: T`, 'oxe70002 from 70120: T, ABANDONED', 'oxe70003 from secret: T'],
      (payload) =>
        String(payload)
          .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /, '')
          .replace(/: \d+ s/, ': T'),
    );
  });

  it('external calls of a list: those, from the first ring to the end, and one that becomes external by a transfer', async () => {
    await deploy('20 Policy external calls');
    const internal = oxe.call({ from: '70000', to: '70001' });
    await internal.answered();
    const notListed = oxe.call({ from: OUTSIDE, to: '70120' });
    await notListed.answered();
    const call = oxe.call({ from: OUTSIDE, to: '70002' });
    await recorded('70002');
    await call.answered();
    const enquiry = await call.enquiry('70003');
    await enquiry.answered();
    await call.transfer();
    await recorded('70003');
    const second = oxe.call({ from: '70004', to: OUTSIDE });
    await recorded('70003', '70004');
    await call.hangUp();
    await recorded('70004');
    await second.hangUp();
    await recorded();
    const onOther = oxe.call({ from: OUTSIDE, to: '70009' });
    await recorded('70009');
    await onOther.answered('80009');
    await recorded();
    await onOther.hangUp();
    await Promise.all([internal.hangUp(), notListed.hangUp()]);
    assert.deepEqual(asked(), {
      70002: ['start', 'stop'],
      70003: ['start', 'stop'],
      70004: ['start', 'stop'],
      70009: ['start', 'stop'],
    });
    const [start] = recordingRequests(oxe).filter((request) => request.startsWith('POST record'));
    assert.equal(
      start,
      'POST record {"deviceNumber":"70002","ipRecorderAddr":"127.0.0.1","sentFlowPort":20008,"receivedFlowPort":20010}',
    );
  });

  it('one call in ten: those whose reference draws it, and no other', async () => {
    const drawn = Array.from({ length: 100_000 }, (_, index) =>
      draw(`a6aaea5b${index.toString(16).padStart(4, '0')}0700`),
    ).filter((number) => number < 10);
    assert.ok(drawn.length > 9500 && drawn.length < 10_500, `${drawn.length} of 100,000`);
    await deploy('21 Policy one call in ten');
    const expected: Record<string, string[]> = {};
    for (let [index, hits] = [0, 0]; hits < 3 || index < 30; index += 1) {
      const device = `7000${index % 10}`;
      const call = oxe.call({ from: OUTSIDE, to: device });
      const hit = draw(call.callRef) < 10;
      if (hit) await recorded(device);
      await call.answered();
      await call.hangUp();
      if (!hit) continue;
      await recorded();
      (expected[device] ??= []).push('start', 'stop');
      hits += 1;
    }
    assert.deepEqual(asked(), expected);
  });

  it('on demand: the call of the device that is asked for, to its end, or until it is asked no more', async () => {
    const nodes = await deploy('22 Policy on demand');
    const callsNode = nodes.find(({ type }) => type === 'o2g-calls')?.id ?? '';
    const inCall = (count: number): Promise<unknown> =>
      red.statusOf(callsNode, ({ text }) => text === String(count), PATIENCE);
    const ask = async (method: string, device: string): Promise<unknown> => {
      const response = await fetch(`http://127.0.0.1:${red.port}/record/${device}`, { method });
      return { status: response.status, ...((await response.json()) as object) };
    };
    assert.deepEqual(await ask('POST', '70001'), { status: 404, error: '70001 is in no call' });
    const [call, other] = [
      oxe.call({ from: OUTSIDE, to: '70001' }),
      oxe.call({ from: OUTSIDE, to: '70002' }),
    ];
    await call.answered();
    await other.answered();
    await inCall(2);
    const answer = {
      status: 200,
      deviceNumber: '70001',
      recording: true,
      mode: 'ip',
      secure: false,
      ipRecorderAddr: '127.0.0.1',
      sentFlowPort: 20004,
      receivedFlowPort: 20006,
    };
    assert.deepEqual(await ask('POST', '70001'), answer);
    await recorded('70001');
    await call.hangUp();
    await recorded();
    await inCall(1);
    assert.deepEqual(((await ask('POST', '70002')) as { status: number }).status, 200);
    await recorded('70002');
    assert.deepEqual(await ask('DELETE', '70002'), { status: 200, deviceNumber: '70002', recording: false });
    await recorded();
    await other.hangUp();
    await inCall(0);
    assert.deepEqual(asked(), { 70001: ['start', 'stop'], 70002: ['start', 'stop'] });
  });

  it('a beep where the law asks for it: with the recording of those calls, and of no others', async () => {
    await deploy('23 Policy beep by law');
    const beeping = (...devices: string[]): Promise<unknown> =>
      oxe.once(() => oxe.beeping(7).sort().join() === devices.join(), {
        what: `exactly ${devices.join() || 'none'} beeping`,
        ...PATIENCE,
      });
    const [lawful, free] = [
      oxe.call({ from: '004989123456', to: '70001' }),
      oxe.call({ from: OUTSIDE, to: '70002' }),
    ];
    await free.answered();
    await recorded('70002');
    await lawful.answered();
    await recorded('70001', '70002');
    await beeping('70001');
    await lawful.hold();
    await lawful.retrieve();
    await lawful.hangUp();
    await recorded('70002');
    await beeping();
    await free.hangUp();
    await recorded();
    assert.deepEqual(asked(), { 70001: ['start', 'stop'], 70002: ['start', 'stop'] });
    assert.deepEqual(
      recordingRequests(oxe).filter((request) => request.includes('beep')),
      ['POST beep {"deviceNumber":"70001","tone":25,"presenceDuration":20,"silenceDuration":15}'],
    );
  });

  it('not while parked: the one who waits is recorded again when somebody takes the call', async () => {
    await deploy('24 Policy stop when parked');
    const call = oxe.call({ from: '70001', to: '70002' });
    await call.answered();
    await recorded('70001', '70002');
    await call.hold('70002');
    await call.retrieve('70002');
    await call.park('70001');
    await recorded();
    await call.unpark('70003');
    await recorded('70002', '70003');
    await call.hangUp();
    await recorded();
    assert.deepEqual(asked(), {
      70001: ['start', 'stop'],
      70002: ['start', 'stop', 'start', 'stop'],
      70003: ['start', 'stop'],
    });
  });

  it('an alarm by syslog and HTTP for the device that is not recorded, and when it is again', async () => {
    const syslog = createSocket('udp4');
    syslog.bind(0, '127.0.0.1');
    await once(syslog, 'listening');
    const arrivals = new EventEmitter();
    const lines: string[] = [];
    syslog.on('message', (datagram) => {
      lines.push(datagram.toString('utf8'));
      arrivals.emit('arrival');
    });
    const bodies: Record<string, unknown>[] = [];
    const pager = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => {
        pieces.push(piece);
      });
      request.on('end', () => {
        bodies.push(JSON.parse(Buffer.concat(pieces).toString('utf8')) as Record<string, unknown>);
        response.writeHead(204).end();
        arrivals.emit('arrival');
      });
    });
    pager.listen(0, '127.0.0.1');
    await once(pager, 'listening');
    whenTestEnds(() => {
      syslog.close();
      pager.closeAllConnections();
      pager.close();
    });

    await deploy('25 Policy alarm', {
      'udp out': { port: String(syslog.address().port) },
      'http request': { url: `http://127.0.0.1:${(pager.address() as AddressInfo).port}/alarm` },
      recording: { type: 'probe-out' },
    });
    await recorded(...Array.from({ length: 10 }, (_, index) => `7000${index}`));
    // Not before Node-RED knows it as well: an answer that comes while the link compares is newer than what it compares with.
    await red.told('recording', () => true, PATIENCE);
    oxe.forgetRecording('70003');
    // The link compares at once when the CTI link was lost.
    oxe.ctiLinkDown(7);
    oxe.ctiLinkUp(7);
    await oxe.once(() => oxe.recorded(7).length === 10, { what: 'the recording again', ...PATIENCE });
    const told = async (topic: string): Promise<string> => {
      for (;;) {
        const line = lines.find((each) => each.includes(` ${topic} [`));
        if (line !== undefined && bodies.some(({ alarm }) => alarm === topic)) return line;
        await once(arrivals, 'arrival');
      }
    };
    const stamp = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
    assert.match(
      await told('unrecorded'),
      new RegExp(
        String.raw`^<130>1 ${stamp} \S+ node-red - unrecorded \[o2g@32473 device="70003" link="OXE 7" desired="monitored,recorded" actual="monitored" reason="[^"]+" since="${stamp}"\] 70003 is unrecorded$`,
      ),
    );
    assert.match(
      await told('restored'),
      /^<133>1 .* restored \[o2g@32473 device="70003" .*actual="monitored,recorded" .*\] 70003 is restored$/,
    );
    assert.deepEqual(
      bodies.map(({ alarm, deviceNumber }) => [alarm, deviceNumber]),
      [
        ['unrecorded', '70003'],
        ['restored', '70003'],
      ],
    );
    assert.equal(lines.length, 2);
  });

  it('recordings that an HTTP request holds, keeps and deletes', async () => {
    const folder = await temporaryFolder();
    await deploy('28 Policy hold and delete', {
      'o2g-recorder': { folder, bind: '127.0.0.1', retentionDays: 90, ...portRange(60) },
      'finished, alarms': { type: 'probe-out' },
    });
    await recorded(...Array.from({ length: 10 }, (_, index) => `7000${index}`), '70120');
    const call = oxe.call({ from: OUTSIDE, to: '70001' });
    await call.answered();
    await moreSent(oxe, '70001', 30);
    await call.hangUp();
    const {
      payload: { id, file, endedAt },
    } = await red.told<{ id: string; file: string; endedAt: string }>(
      'finished, alarms',
      ({ topic }) => topic === 'finished',
      PATIENCE,
    );
    const until = (days: number): string => new Date(Date.parse(endedAt) + days * 86_400_000).toISOString();
    const ask = async (
      action: string,
      fields: Record<string, string> = {},
    ): Promise<Record<string, unknown>> => {
      const response = await fetch(`http://127.0.0.1:${red.port}/recordings/${id}/${action}`, {
        method: 'POST',
        body: new URLSearchParams(fields),
      });
      return { status: response.status, ...((await response.json()) as object) };
    };
    assert.deepEqual(await ask('hold', { by: 'legal', reason: 'case 7' }), {
      status: 200,
      id,
      file,
      held: true,
      retainUntil: until(90),
    });
    assert.deepEqual([(await ask('delete')).status, (await ask('forget')).status], [409, 400]);
    assert.deepEqual(await ask('retain', { days: '365' }), {
      status: 200,
      id,
      file,
      held: true,
      retainUntil: until(365),
    });
    assert.deepEqual(await ask('release'), { status: 200, id, file, held: false, retainUntil: until(365) });
    assert.deepEqual(await ask('delete', { by: 'the caller' }), {
      status: 200,
      id,
      file,
      held: false,
      retainUntil: until(365),
      deleted: true,
    });
    assert.equal((await ask('delete')).status, 404);
  });

  it('silence while a card number is given, and time goes on: asked for by HTTP, and by a tag of the call', async () => {
    const folder = await temporaryFolder();
    await deploy('26 Policy pause for card data', {
      'o2g-recorder': { folder, bind: '127.0.0.1', ...portRange(60) },
      'paused?': { type: 'probe-out' },
      'finished, alarms': { type: 'probe-out' },
    });
    const all = Array.from({ length: 10 }, (_, index) => `7000${index}`);
    await recorded(...all, '70120');
    const ask = async (method: string, device: string): Promise<unknown> => {
      const response = await fetch(`http://127.0.0.1:${red.port}/card/${device}`, { method });
      return { status: response.status, ...((await response.json()) as object) };
    };
    const tag = async (value: string, paused: boolean): Promise<void> => {
      await call.tag({ name: 'card', value });
      const { payload } = await red.told<{ deviceNumber: string; paused: boolean }[]>(
        'paused?',
        undefined,
        PATIENCE,
      );
      assert.deepEqual(
        payload.map((each) => [each.deviceNumber, each.paused]),
        [['70001', paused]],
      );
    };
    assert.deepEqual(
      ((await ask('POST', '70119')) as { status: number; code: string }).code,
      'INVALID_INPUT',
    );

    const call = oxe.call({ from: OUTSIDE, to: '70001' });
    await call.answered();
    await moreSent(oxe, '70001', 60);
    const times: number[] = [];
    const lap = (): void => {
      times.push(performance.now());
    };
    for (const [begin, end] of [
      [() => ask('POST', '70001'), () => ask('DELETE', '70001')],
      [() => tag('given', true), () => tag('over', false)],
    ] as const) {
      lap();
      const begun = await begin();
      lap();
      if (begun)
        assert.deepEqual(begun, {
          status: 200,
          deviceNumber: '70001',
          recording: true,
          paused: true,
          resumeAfter: 120,
        });
      await moreSent(oxe, '70001', 60);
      // What a hold tells carries the tag again; that pauses nothing.
      await call.hold();
      await call.retrieve();
      lap();
      const ended = await end();
      lap();
      if (ended)
        assert.deepEqual(ended, { status: 200, deviceNumber: '70001', recording: true, paused: false });
      await call.hold();
      await call.retrieve();
      await moreSent(oxe, '70001', 60);
    }
    await call.hangUp();
    const { payload: file } = await red.told<Finished>(
      'finished, alarms',
      ({ topic }) => topic === 'finished',
      PATIENCE,
    );

    const pitch = voiceOf('70001');
    const { sent, received } = await decoded(file.file);
    const pauses = joined(
      file.gaps.filter(({ kind, channel }) => kind === 'pause' && channel === 'sent'),
    ).filter(({ durationMs }) => durationMs > 100);
    assert.equal(pauses.length, 2, JSON.stringify(file.gaps));
    for (const [index, { atMs, durationMs }] of pauses.entries()) {
      const [asked = 0, inForce = 0, askedBack = 0, back = 0] = times.slice(4 * index);
      assert.ok(
        durationMs >= askedBack - inForce - 40 && durationMs <= back - asked + 40,
        `${durationMs} ms, asked for ${askedBack - inForce} to ${back - asked} ms`,
      );
      const inside = [(atMs + 60) * 8, (atMs + durationMs - 60) * 8] as const;
      for (const side of [sent, received])
        assert.ok(
          side.subarray(...inside).every((sample) => Math.abs(sample) <= 8),
          'silence',
        );
      for (const from of [atMs - 400, atMs + durationMs + 60])
        assert.equal(
          pitchOf(sent.subarray(from * 8, (from + 300) * 8), [pitch]),
          pitch,
          `speech at ${from} ms`,
        );
    }
    assert.ok(file.durationMs >= file.channels.sent.packets * 20 - 40, 'time goes on');
    assert.equal(red.received<Message>('paused?').length, 2);
  });
});

/** The draw of the example, written again from what it says: FNV-1a, then the finaliser of MurmurHash3, from 0 to 99. */
function draw(text: string): number {
  let hash = Buffer.from(text, 'latin1').reduce(
    (sum, byte) => Math.imul(sum ^ byte, 16_777_619),
    2_166_136_261,
  );
  for (const [shift, factor] of [
    [16, 0x85ebca6b],
    [13, 0xc2b2ae35],
  ] as const)
    hash = Math.imul(hash ^ (hash >>> shift), factor);
  return ((hash ^ (hash >>> 16)) >>> 0) % 100;
}

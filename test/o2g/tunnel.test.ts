import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { Agent, type AgentOptions } from '../../o2g/tunnel/agent';
import type { O2GEvent } from '../../o2g/spec/event';
import { Link } from '../../o2g/link/link';
import { Session } from '../../o2g/session/session';
import { TunnelTransport } from '../../o2g/tunnel/tunnel-transport';
import { AgentListener } from '../../o2g/tunnel/agent-listener';
import { DEFAULT_FORMAT, readFormat, type TunnelFormat } from '../../o2g/tunnel/message-format';
import { startSimulator } from '../../simulator';
import type { Simulator } from '../../simulator/simulator-api';
import { whenTestEnds } from '../support/cleanup';
import { LogBook, next, until } from './support';

const TOKEN = 'a-token-of-some-length';
const OTHER_NAMES = readFormat(
  JSON.stringify({
    request: {
      parts: {
        id: 'head.uuid',
        method: 'rest.verb',
        path: 'rest.uri',
        headers: 'rest.headers',
        body: 'rest.content',
      },
      fixed: { 'head.kind': 1 },
    },
    response: {
      parts: { id: 'head.uuid', status: 'rest.code', headers: 'rest.headers', body: 'rest.content' },
      fixed: { 'head.kind': 2 },
    },
    event: { parts: { subscription: 'head.sub', event: 'notification' }, fixed: { 'head.kind': 3 } },
    subscriptionQuery: 'wsId',
    bodies: 'json',
  }),
);

describe('the tunnel', () => {
  let oxe: Simulator;
  let log: LogBook;
  let door: AgentListener;
  let port: number;
  let tunnel: TunnelTransport;
  let session: Session;
  let agents: Agent[] = [];

  /** A door with a tunnel behind it and a session on that, in which only an agent is missing. */
  const open = async (format: TunnelFormat = DEFAULT_FORMAT): Promise<void> => {
    oxe = await startSimulator({ devices: ['70000-70099', '70120'] });
    log = new LogBook();
    door = new AgentListener(log);
    port = await door.listen(0, {});
    tunnel = new TunnelTransport({ format, timeoutMs: 10_000, log });
    door.register(TOKEN, tunnel);
    session = new Session(
      {
        sites: [new URL('https://o2g.example.com')],
        access: 'typed',
        offlineWaitMs: 10_000,
        lifetime: 0,
        account: { login: oxe.login, password: oxe.password, applicationName: 'test' },
      },
      { transport: tunnel, log },
    );
    session.open();
    whenTestEnds(async () => {
      await session.close('removed');
      for (const agent of agents) agent.close();
      agents = [];
      door.close();
      assert.deepEqual(oxe.violations(), []);
      assert.deepEqual([oxe.sessions().length, oxe.subscriptions().length, oxe.links().length], [0, 0, 0]);
      await oxe.close();
    });
  };
  const startAgent = (options: Partial<AgentOptions> = {}): { agent: Agent; said: LogBook } => {
    const said = new LogBook();
    const agent = new Agent({
      tunnel: new URL(`ws://127.0.0.1:${port}`),
      token: TOKEN,
      o2g: new URL(oxe.url),
      format: DEFAULT_FORMAT,
      timeoutMs: 10_000,
      log: said,
      ...options,
    });
    agent.start();
    agents.push(agent);
    return { agent, said };
  };
  /** A peer that does what it is told, and knows the protocol only as text. */
  const knock = async (
    token: string,
    address = '',
  ): Promise<{ socket: WebSocket; ended: Promise<number> }> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/${address}`, {
      headers: token === '' ? {} : { Authorization: `Bearer ${token}` },
    });
    whenTestEnds(() => {
      socket.terminate();
    });
    const ended = new Promise<number>((resolve) => {
      socket.on('close', resolve);
      socket.on('unexpected-response', (_request, response) => {
        resolve(response.statusCode ?? 0);
      });
      socket.on('error', () => undefined);
    });
    await Promise.race([new Promise((resolve) => socket.on('open', resolve)), ended]);
    return { socket, ended };
  };
  const heardOf = (): O2GEvent[] => {
    const events: O2GEvent[] = [];
    session.setInterest('taker', {
      selectors: [{ names: ['telephony'] }],
      deliver: (event) => events.push(event),
    });
    return events;
  };

  for (const [name, format] of [
    ['the default format', DEFAULT_FORMAT],
    ['names and nesting of the user', OTHER_NAMES],
  ] as const) {
    it(`carries session, link, recording and events in ${name}, in order, each once`, async function carries() {
      this.timeout(60_000);
      await open(format);
      const events = heardOf();
      startAgent({ format });
      await until(session, 'connected');
      const link = new Link(
        { name: 'OXE 7', oxeNode: 7, recorder: 'OTHER', devices: ['70120'], onStop: 'close' },
        session,
        { log },
      );
      link.start();
      await oxe.once(() => oxe.monitored(7).length === 1, { what: 'the monitored device' });
      const answers = await Promise.all(
        Array.from({ length: 300 }, () => session.perform('getSystemStatus', {}, undefined)),
      );
      assert.equal(answers.length, 300);
      const sent = Array.from({ length: 3000 }, (_, index) => ({
        eventName: 'OnCallRemoved',
        loginName: 'oxe70120',
        callRef: String(index),
        text: 'Élodie 電話',
      }));
      const last = next(session.onEvent, ({ callRef }) => callRef === '2999', 'the last event', 40_000);
      for (const event of sent) await oxe.emit(event);
      await last;
      assert.deepEqual(
        events.filter(({ eventName }) => eventName === 'OnCallRemoved'),
        sent,
      );
      assert.equal(oxe.channelCount(), 1);
    });
  }

  it('an agent that breaks off is waited for; its requests are repeated, and the blind time is told', async () => {
    await open();
    const events = heardOf();
    const first = startAgent();
    await until(session, 'connected');
    const lost = next(session.onState, ({ state }) => state === 'recovering', 'the loss');
    first.agent.close();
    await lost;
    const status = session.perform('getSystemStatus', {}, undefined);
    const back = next(session.onState, ({ state }) => state === 'connected', 'the second agent');
    startAgent();
    await status;
    assert.equal(typeof (await back).blindMs, 'number');
    const last = next(session.onEvent, ({ callRef }) => callRef === 'after', 'an event');
    await oxe.emit({ eventName: 'OnCallRemoved', loginName: 'oxe70120', callRef: 'after' });
    await last;
    assert.equal(events.at(-1)?.callRef, 'after');
  });

  it('a session that O2G has lost is opened again, through the same agent', async () => {
    await open();
    startAgent();
    await until(session, 'connected');
    const lost = next(session.onState, ({ state }) => state === 'recovering', 'the loss');
    oxe.expireSession();
    await session.perform('getSystemStatus', {}, undefined);
    await lost;
    assert.equal(session.generation, 2);
  });

  it('refuses whoever has no or another token, in one line, and takes the right one from the address as well', async () => {
    await open();
    for (const token of ['', 'another-token-of-length', TOKEN.slice(1)])
      assert.equal(await (await knock(token)).ended, 401);
    assert.deepEqual(log.lines.filter((line) => line.includes('without the right token')).length, 1);
    const { socket } = await knock('', `?token=${TOKEN}`);
    assert.equal(socket.readyState, WebSocket.OPEN);
    assert.doesNotMatch(log.lines.join('\n'), new RegExp(TOKEN));
  });

  it('a newer agent replaces the older one', async () => {
    await open();
    const older = await knock(TOKEN);
    startAgent();
    assert.equal(await older.ended, 4000);
    await until(session, 'connected');
    assert.equal(log.lines.filter((line) => line.includes('replaces')).length, 1);
  });

  it('outlives a message of 100 MB, a flood, and answers that nobody asked for', async function hostile() {
    this.timeout(60_000);
    await open();
    const large = await knock(TOKEN);
    large.socket.send('x'.repeat(100 * 1024 * 1024), () => undefined);
    assert.equal(await large.ended, 1009);
    const flood = await knock(TOKEN);
    for (let index = 0; index < 2000; index += 1)
      flood.socket.send(
        `{"type":"response","id":"${9000 + index}","status":200,"headers":{},"body":""}`,
        () => undefined,
      );
    assert.equal(await flood.ended, 1008);
    const odd = await knock(TOKEN);
    for (const text of [
      '',
      'x',
      '[]',
      'null',
      '{"type":"event","subscription":"x","event":{"eventName":"OnCallRemoved"}}',
      '{"type":"response","id":{"a":1},"status":"x"}',
      '{"__proto__":{"type":"event"}}',
    ]) {
      odd.socket.send(text);
    }
    const events = heardOf();
    startAgent();
    await until(session, 'connected');
    assert.deepEqual(events, []);
    assert.equal(
      log.lines.filter((line) => line.includes('the agent sends')).length,
      2,
      log.lines.join('\n'),
    );
  });

  it('gives up an agent that gives no sign of life', async () => {
    let now = 0;
    const timers: { at: number; run: () => void }[] = [];
    const clock = {
      now: () => now,
      after: (ms: number, run: () => void) => {
        const timer = { at: now + ms, run };
        timers.push(timer);
        return {
          cancel: () => {
            timers.splice(timers.indexOf(timer), 1);
          },
        };
      },
    };
    const pass = (ms: number): void => {
      now += ms;
      for (const timer of timers.filter(({ at }) => at <= now)) {
        timers.splice(timers.indexOf(timer), 1);
        timer.run();
      }
    };
    log = new LogBook();
    door = new AgentListener(log);
    port = await door.listen(0, {});
    whenTestEnds(() => {
      door.close();
    });
    tunnel = new TunnelTransport({ format: DEFAULT_FORMAT, timeoutMs: 60_000, log, clock });
    door.register(TOKEN, tunnel);
    const { socket, ended } = await knock(TOKEN);
    const pings = new Promise((resolve) => socket.once('ping', resolve));
    pass(15_000);
    await pings;
    // Its network dies: it reads nothing any more, so that no pong comes.
    socket.pause();
    const request = tunnel.request(
      { method: 'GET', url: new URL('https://o2g.example.com/api/rest'), headers: {} },
      new AbortController().signal,
    );
    pass(15_000);
    pass(15_000);
    await assert.rejects(request, { code: 'NOT_CONNECTED' });
    socket.resume();
    assert.equal(await ended, 1006);
  });

  it('says what is wrong with a format', () => {
    for (const [text, field] of [
      ['{', 'tunnelFormat'],
      ['[]', 'tunnelFormat'],
      ['{"answer":{}}', 'tunnelFormat'],
      ['{"bodies":"xml"}', 'tunnelFormat.bodies'],
      ['{"subscriptionQuery":"a b"}', 'tunnelFormat.subscriptionQuery'],
      ['{"event":{"parts":{"name":"x"}}}', 'tunnelFormat.event.parts'],
      ['{"event":{"parts":{"event":"a..b"}}}', 'tunnelFormat.event.parts.event'],
      ['{"request":{"fixed":{"__proto__":1}}}', 'tunnelFormat.request.fixed'],
      ['{"request":{"fixed":{"a":{}}}}', 'tunnelFormat.request.fixed.a'],
    ] as const)
      assert.throws(
        () => readFormat(text),
        (error: Error & { code?: string }) =>
          error.code === 'INVALID_INPUT' && error.message.startsWith(`${field}: `),
        text,
      );
    assert.deepEqual(readFormat('{}'), DEFAULT_FORMAT);
  });
});

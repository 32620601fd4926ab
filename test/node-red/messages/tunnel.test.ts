import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { certificate } from '../../support/certificates';
import { whenTestEnds } from '../../support/cleanup';
import { changed, type Flow } from '../../support/flow';
import { startNodeRed, type NodeRed } from '../../support/node-red';
import { ROOT } from '../../support/toolchain';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { BEEP, DEVICES, recordingRequests, TARGET, wholeFlow } from '../flows';

const TOKEN = 'a-token-of-some-length';
const COMMAND = ['--require', 'tsx/cjs', join(ROOT, 'bin', 'o2g-agent.ts')];

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The command, as an operator starts it beside O2G. */
async function startAgent(args: string[]): Promise<ChildProcess> {
  const agent = spawn(process.execPath, [...COMMAND, ...args], {
    cwd: ROOT,
    env: { ...process.env, O2G_TUNNEL_TOKEN: TOKEN },
  });
  whenTestEnds(async () => {
    if (agent.exitCode !== null || agent.signalCode !== null) return;
    agent.kill('SIGTERM');
    await once(agent, 'exit');
  });
  const lines = createInterface(agent.stdout);
  for await (const line of lines) if (line.includes('connected to the tunnel')) break;
  agent.stdout.resume();
  return agent;
}

describe('an O2G that only an agent can reach', function tunnels() {
  this.timeout(120_000);
  let oxe: Simulator;
  let red: NodeRed;

  /** The flow of the main job, changed in the server's delivery only: nothing listens at its address. */
  const flows = (server: Record<string, unknown> = {}): Flow =>
    wholeFlow(oxe, {
      server: { url: 'http://o2g.invalid', delivery: 'tunnel', ...server },
      link: { devices: '70000' },
    }).map((each) =>
      each.id === 'server' ? { ...each, credentials: { ...each.credentials, tunnelToken: TOKEN } } : each,
    );
  const mainJob = async (): Promise<void> => {
    for (const [node, message] of [
      ['monitor', { action: 'start', payload: '70120' }],
      ['record', { action: 'start', payload: { deviceNumber: '70120', ...TARGET } }],
      ['beep', { action: 'start', payload: { deviceNumber: '70120', ...BEEP } }],
      ['record', { action: 'stop', payload: '70120' }],
    ] as const) {
      red.inject(`in-${node}`, message);
      await red.told('out');
    }
    const call = oxe.call({ from: '0390670000', to: '70120' });
    await call.answered();
    await call.hangUp();
    await red.told('events', ({ topic }) => topic === 'OnCallRemoved');
    // Before the agent came, the server said that none was there.
    assert.deepEqual(
      red.received('caught').filter(({ error }) => error?.source.id !== 'server'),
      [],
    );
  };

  beforeEach(async () => {
    oxe = await startSimulator({ devices: DEVICES });
  });
  afterEach(async () => {
    await red.stop();
    assert.deepEqual(oxe.violations(), []);
    assert.deepEqual(
      [oxe.sessions(), oxe.links(), oxe.subscriptions()],
      [[], [], []],
      'nothing is left behind by the stop',
    );
    assert.doesNotMatch(red.log(), new RegExp(TOKEN));
    await oxe.close();
  });

  it("serves the main job on Node-RED's own server, over deploys, with one channel", async () => {
    red = await startNodeRed({ settings: { httpNodeRoot: '/red' } });
    await red.deploy(flows());
    await startAgent(['--tunnel', `${red.url.replace('http', 'ws')}/red/o2g/tunnel`, '--o2g', oxe.url]);
    await oxe.once(() => oxe.monitored(7).length === 1, {
      what: 'the device of the link',
      timeoutMs: 20_000,
    });
    await mainJob();
    assert.equal(recordingRequests(oxe).filter((request) => request.startsWith('POST record')).length, 1);
    await red.deploy(changed(flows(), { 'node-events': { name: 'another' } }), { type: 'full' });
    await mainJob();
    assert.deepEqual([oxe.channelCount(), oxe.sessions().length], [1, 1]);
  });

  it('serves it on a port of its own with TLS, which a changed server takes over, after a restart of the server and of the agent', async () => {
    const { cert, key, certFile } = await certificate();
    const tls = {
      id: 'own',
      type: 'tls-config',
      name: '',
      cert: '',
      key: '',
      ca: '',
      certname: 'cert',
      keyname: 'key',
      caname: '',
      verifyservercert: true,
      credentials: { certdata: cert, keydata: key },
    };
    red = await startNodeRed();
    const port = await freePort();
    await red.deploy([tls, ...flows({ tls: 'own', tunnelPort: port })]);
    const agent = ['--tunnel', `wss://127.0.0.1:${port}`, '--o2g', oxe.url, '--ca', certFile];
    const first = await startAgent(agent);
    await oxe.once(() => oxe.monitored(7).length === 1, {
      what: 'the device of the link',
      timeoutMs: 20_000,
    });
    await red.deploy([tls, ...flows({ tls: 'own', tunnelPort: port, application: 'Another' })]);
    await oxe.once(
      () =>
        oxe.monitored(7).length === 1 &&
        oxe.requests().filter(({ path }) => path.endsWith('/authenticate')).length >= 2,
      { what: 'the new session', timeoutMs: 20_000 },
    );
    oxe.expireSession();
    red.inject('in-status', { query: 'system' });
    await oxe.once(
      () =>
        oxe.monitored(7).length === 1 &&
        oxe.requests().filter(({ path }) => path.endsWith('/authenticate')).length >= 3,
      { what: 'the session after the loss', timeoutMs: 60_000 },
    );
    await red.told('out', undefined, { timeoutMs: 30_000 });
    first.kill('SIGKILL');
    await once(first, 'exit');
    await red.statusOf('node-events', ({ fill }) => fill === 'yellow');
    await startAgent(agent);
    await red.statusOf('node-events', ({ fill }) => fill === 'green', { timeoutMs: 20_000 });
    await mainJob();
  });

  it('is told as wrong settings when token or format are wrong, when the port is taken, and when there is no server', async () => {
    red = await startNodeRed({ settings: { httpNodeRoot: false } });
    for (const [server, words] of [
      [{}, /tunnelPort: nothing is refused/],
      [{ tunnelPort: 70_000 }, /tunnelPort: 70000 is refused/],
      [{ tunnelPort: red.port }, /tunnelPort: \d+ is refused.*EADDRINUSE/],
      [{ tunnelPort: 8443, tunnelFormat: '{"x":1}' }, /tunnelFormat: "x" is refused/],
    ] as const) {
      await red.deploy(flows(server));
      await red.told('caught', ({ error }) => error?.code === 'INVALID_INPUT' && words.test(error.message));
    }
    await red.deploy(
      flows({ tunnelPort: 8443 }).map((each) =>
        each.id === 'server' ? { ...each, credentials: { ...each.credentials, tunnelToken: 'short' } } : each,
      ),
    );
    await red.told(
      'caught',
      ({ error }) => error?.code === 'INVALID_INPUT' && error.message.includes('tunnelToken: '),
    );
  });
});

describe('the command o2g-agent', () => {
  for (const [args, words] of [
    [['--o2g', 'https://o2g.example.com'], /--tunnel must be an address/],
    [['--tunnel', 'wss://x/o2g/tunnel', '--o2g', 'o2g.example.com'], /--o2g: /],
    [
      ['--tunnel', 'wss://x/o2g/tunnel', '--o2g', 'https://o2g.example.com', '--timeout', 'x'],
      /--timeout must be/,
    ],
    [['--nothing'], /--nothing/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, () => {
      const { status, stderr } = spawnSync(process.execPath, [...COMMAND, ...args], {
        cwd: ROOT,
        encoding: 'utf8',
        env: { ...process.env, O2G_TUNNEL_TOKEN: TOKEN },
      });
      assert.equal(status, 2);
      assert.match(stderr, words);
    });
  }

  it('asks for the token, and explains itself', () => {
    const env = { ...process.env, O2G_TUNNEL_TOKEN: '' };
    assert.match(
      spawnSync(process.execPath, COMMAND, { cwd: ROOT, encoding: 'utf8', env }).stderr,
      /the token is missing/,
    );
    assert.match(
      spawnSync(process.execPath, [...COMMAND, '--help'], { cwd: ROOT, encoding: 'utf8', env }).stdout,
      /--token-file FILE/,
    );
  });
});

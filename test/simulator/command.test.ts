import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HELP, parseCommand, UsageError } from '../../simulator/control/command';
import { send, start, stopAll } from './support';

const ROOT = join(__dirname, '..', '..');
const COMMAND = ['--require', 'tsx/cjs', join(ROOT, 'bin', 'o2g-simulator.ts')];
const FREE_PORTS = ['--port', '0', '--event-port', '0', '--control-port', '0'];

const run = (...args: string[]): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } =>
  spawnSync(process.execPath, [...COMMAND, ...args], { cwd: ROOT, encoding: 'utf8' });

describe('the command o2g-simulator', () => {
  afterEach(stopAll);

  it('explains itself', () => {
    const { status, stdout } = run('--help');
    assert.deepEqual([status, stdout.trim()], [0, HELP.trim()]);
    for (const option of [
      '--host',
      '--port',
      '--nodes',
      '--devices',
      '--secure',
      '--calls',
      '--plays',
      '--rtp-anywhere',
    ])
      assert.ok(HELP.includes(option), option);
  });

  it('answers, plays calls, tells a line for each thing, and ends on SIGINT within two seconds', async () => {
    const child = spawn(process.execPath, [...COMMAND, ...FREE_PORTS, '--calls', '1', '--devices', '70120'], {
      cwd: ROOT,
    });
    const lines: string[] = [];
    const reader = createInterface(child.stdout).on('line', (text) => lines.push(text));
    const line = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const found = lines.map((text) => pattern.exec(text)).find((match) => match !== null);
        if (found) return found;
        await once(reader, 'line');
      }
    };
    const [, url = ''] = await line(/O2G at (\S+),/);
    assert.equal((await send(`${url}/api/rest`, 'GET')).status, 200);
    await line(/call [0-9a-f]{16}: \S+ calls 70120/);
    const signalled = performance.now();
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0);
    assert.ok(performance.now() - signalled < 2000);
    await assert.rejects(send(`${url}/api/rest`, 'GET'));
  });

  it('says which port is taken, and how to choose another', async () => {
    const taken = await start();
    const { status, stderr } = run('--port', String(taken.port), '--event-port', '0', '--control-port', '0');
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`port ${taken.port} is taken: choose others with --port`));
  });

  for (const [args, message] of [
    [['--port', 'x'], /--port: a number of 0\.\.65535 is expected, 'x' given/],
    [['--port', '70000'], /--port/],
    [['--nodes', '7,b'], /--nodes: a number/],
    [['--devices', '70099-70000'], /--devices: the range '70099-70000' must run upwards/],
    [['--devices', '0-999999999'], /--devices: the range .* at most 200000 numbers/],
    [['--devices', 'all'], /--devices: 'all' is neither a number nor a range/],
    [['--law', 'B'], /--law: A or mu/],
    [['--calls', '0'], /--calls: a number of 1/],
    [['--plays', 'park,chess'], /--plays: all, or some of incoming, .* 'chess' given/],
    [['--tls-key', '/nowhere'], /belong together/],
    [['--tls-key', '/nowhere', '--tls-cert', '/nowhere'], /--tls-key: ENOENT/],
    [['--colour'], /--colour/],
    [['70120'], /70120/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, () => {
      assert.throws(
        () => parseCommand(args),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }

  it('ends with code 2 and one clear line for arguments that make no sense', () => {
    const { status, stderr, stdout } = run('--port', '70000');
    assert.deepEqual(
      [status, stdout, stderr],
      [
        2,
        '',
        "o2g-simulator: --port: a number of 0..65535 is expected, '70000' given\nSee o2g-simulator --help\n",
      ],
    );
  });

  it('reads every option', () => {
    const { options, callsEveryMs, plays, verbose } = parseCommand([
      '--host',
      '0.0.0.0',
      '--nodes',
      '7,8',
      '--devices',
      '70000-70001,8:71000',
      '--secure',
      '--login',
      'a',
      '--password',
      'b',
      '--calls',
      '5',
      '--plays',
      'park, queue',
      '--rtp-anywhere',
      '--links-outlive-sessions',
      '--list-monitored',
      '--lenient',
      '--time-to-live',
      '60',
      '--law',
      'mu',
      '--control-port',
      'none',
      '--verbose',
    ]);
    assert.deepEqual(
      { ...options, callsEveryMs, plays, verbose },
      {
        host: '0.0.0.0',
        port: 8080,
        eventPort: 8014,
        controlPort: undefined,
        tls: undefined,
        login: 'a',
        password: 'b',
        nodes: [7, 8],
        devices: [{ number: '70000' }, { number: '70001' }, { number: '71000', nodeId: 8 }],
        secure: true,
        law: 'mu',
        rtpAnywhere: true,
        timeToLive: 60,
        linksOutliveSessions: true,
        listMonitored: true,
        unknownFields: 'ignore',
        callsEveryMs: 5000,
        plays: ['park', 'queue'],
        verbose: true,
      },
    );
    assert.deepEqual(parseCommand([]).plays, ['incoming']);
    assert.ok(parseCommand(['--plays', 'all']).plays.length > 10);
  });
});

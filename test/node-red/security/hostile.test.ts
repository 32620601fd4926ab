import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { certificate } from '../../support/certificates';
import { node, type Flow } from '../../support/flow';
import { startNodeRed, stopAll, type Message, type NodeRed } from '../../support/node-red';
import type { Simulator } from '../../../simulator/simulator-api';
import { wholeFlow } from '../flows';
import {
  COOKIE,
  dripping,
  HostileServer,
  json,
  megabytes,
  redirect,
  SUBSCRIPTION,
  text,
  type Reply,
} from './hostile-server';

const LOGIN = 'recorder';
const PASSWORD = 'password-which-is-a-secret';
/** Far above what any of this may cost, far below what the server sends. */
const MEMORY_MB = 250;
const MEGABYTE = Buffer.alloc(1024 * 1024, 'x');

/** Tells whether the prototype of Node-RED's objects was changed: what a function node makes itself lives in another realm. */
const polluted = [
  { ...node('ask-polluted', 'probe-in', { name: 'ask-polluted' }, 'look-polluted'), z: 'tab' },
  {
    ...node(
      'look-polluted',
      'function',
      {
        func: 'msg.payload = String(proc.memoryUsage().polluted); return msg;',
        outputs: 1,
        libs: [{ var: 'proc', module: 'process' }],
      },
      'polluted',
    ),
    z: 'tab',
  },
  { ...node('polluted', 'probe-out', { name: 'polluted' }), z: 'tab' },
];

function flowFor(server: HostileServer, properties: Parameters<typeof wholeFlow>[1] = {}): Flow {
  const oxe: Pick<Simulator, 'url' | 'login' | 'password'> = {
    url: server.url,
    login: LOGIN,
    password: PASSWORD,
  };
  return wholeFlow(oxe as Simulator, {
    ...properties,
    server: { timeout: '5', ...properties.server },
    link: { devices: '70000', ...properties.link },
  });
}

/** Resident memory of a process, in MB. */
async function memoryOf({ pid }: NodeRed): Promise<number> {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

describe('a hostile server', function hostile() {
  this.timeout(60_000);
  let server: HostileServer;
  /** Another host, which must never hear anything. */
  let stranger: HostileServer;
  let red: NodeRed;
  let memory: number;
  let sent = 0;

  const goodEvent = async (): Promise<void> => {
    const callRef = `good-${(sent += 1)}`;
    await server.event({ eventName: 'OnCallRemoved', loginName: 'oxe70000', callRef });
    for (const probe of ['events', 'copies'])
      await red.told<{ callRef?: string }>(probe, ({ payload }) => payload.callRef === callRef, {
        timeoutMs: 30_000,
      });
  };
  const connected = (): Promise<unknown> =>
    red.statusOf('node-events', ({ text: shown }) => shown?.endsWith('status.connected') === true, {
      timeoutMs: 30_000,
    });
  const failure = async (): Promise<NonNullable<Message['error']>> => {
    const { error } = await red.told('caught', (message) => message.error?.source.id === 'node-status', {
      timeoutMs: 20_000,
    });
    assert.ok(error);
    return error;
  };

  before(async () => {
    server = await HostileServer.start();
    stranger = await server.stranger();
    const copies = [
      {
        ...node(
          'events-too',
          'o2g-events',
          { server: 'server', selectors: [{ names: ['telephony', 'system'], ids: [] }] },
          'copies',
        ),
        z: 'tab',
      },
      { ...node('copies', 'probe-out', { name: 'copies' }), z: 'tab' },
    ];
    red = await startNodeRed({
      flows: [...flowFor(server), ...copies, ...polluted],
      settings: { functionExternalModules: true },
    });
    await connected();
    await goodEvent();
    memory = await memoryOf(red);
  });
  after(async () => {
    await stopAll();
    await Promise.all([server.close(), stranger.close()]);
  });
  afterEach(async () => {
    await goodEvent();
    assert.ok(red.alive());
    const grown = (await memoryOf(red)) - memory;
    assert.ok(grown < MEMORY_MB, `Node-RED has grown by ${Math.round(grown)} MB`);
    assert.deepEqual(stranger.received, [], 'nothing is sent to a host that nobody typed');
    for (const secret of [PASSWORD, COOKIE, SUBSCRIPTION])
      assert.ok(!red.log().includes(secret), 'no secret in the log');
    assert.doesNotMatch(red.log(), /uncaught|unhandled/i);
  });

  describe('on the event channel', () => {
    for (const [what, write] of [
      [
        'a line that never ends',
        async () => {
          for (let count = 0; count < 60; count += 1) await server.write(MEGABYTE);
          server.breakChannel();
        },
      ],
      [
        'a line of 100 MB',
        async () => {
          for (let count = 0; count < 100; count += 1) await server.write(MEGABYTE);
          await server.write('\n');
        },
      ],
      [
        'a slow drip',
        async () => {
          const dripped = Buffer.from(
            `${JSON.stringify({ eventName: 'OnCallRemoved', loginName: 'oxe70000', callRef: 'dripped', text: '電話' })}\r\n`,
          );
          for (const byte of dripped) {
            await server.write(Buffer.from([byte]));
            await new Promise(setImmediate);
          }
          await red.told<{ text?: string }>('events', ({ payload }) => payload.text === '電話');
        },
      ],
      [
        'invalid UTF-8, inside and outside of an event',
        async () => {
          await server.write(
            Buffer.concat([
              Buffer.from([0xc3, 0x28, 0xff, 0x0a]),
              Buffer.from('{"eventName":"OnCallRemoved","loginName":"oxe'),
              Buffer.from([0xff, 0xfe]),
              Buffer.from('"}\n'),
            ]),
          );
        },
      ],
      [
        '30,000 lines of garbage, told in one or two lines',
        async () => {
          const before = red.log().length;
          const garbage = [
            '<html>',
            '42',
            'null',
            '[]',
            '"text"',
            '{}',
            '{"eventName":7}',
            '{"eventName":',
            '\u0007\u001b[2J',
          ].join('\n');
          for (let count = 0; count < 3000; count += 1) await server.write(`${garbage}\n`);
          await goodEvent();
          assert.ok(
            red
              .log()
              .slice(before)
              .split('\n')
              .filter((line) => line.includes('is skipped')).length <= 2,
            red.log().slice(before, before + 2000),
          );
        },
      ],
      [
        '10,000 events with names that nobody knows',
        async () => {
          for (let count = 0; count < 10_000; count += 1)
            await server.event({ eventName: `On${count}`, loginName: 'oxe70000', callRef: `${count}` });
        },
      ],
      [
        'keys and names of prototypes',
        async () => {
          for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
            await server.write(
              `{"eventName":"OnCallCreated","loginName":"${name}","callRef":"${name}","${name}":{"polluted":true,"prototype":{"polluted":true}}}\n`,
            );
            await server.event({ eventName: name, loginName: name });
            await server.event({
              eventName: 'OnCallModified',
              loginName: { [name]: 1 },
              callRef: { [name]: 1 },
              nodeId: { [name]: 1 },
            });
          }
          red.inject('ask-polluted', {});
          assert.equal((await red.told('polluted')).payload, 'undefined');
        },
      ],
      [
        'huge and impossible numbers',
        async () => {
          const digits = '9'.repeat(5000);
          await server.write(
            `{"eventName":"OnCtiLinkDown","nodeId":${digits}}\n{"eventName":"OnCtiLinkUp","nodeId":1e999}\n{"eventName":"OnCallCreated","loginName":-1e999,"callRef":${digits}}\n`,
          );
        },
      ],
      [
        'events of the right name and the wrong shape',
        async () => {
          for (const legs of [
            5,
            'legs',
            null,
            [null, 5, [], { deviceId: {} }, { deviceId: null, state: {} }],
            { 0: 1 },
          ]) {
            for (const eventName of [
              'OnCallCreated',
              'OnCallModified',
              'OnCallRemoved',
              'OnTelephonyState',
              'OnUserCreated',
              'OnDeviceStateModified',
            ]) {
              await server.event({
                eventName,
                loginName: 'oxe70000',
                callRef: 'x',
                legs,
                addedLegs: legs,
                modifiedLegs: legs,
                removedLegs: legs,
                state: legs,
                user: legs,
                deviceStates: legs,
              });
            }
          }
        },
      ],
      [
        'an event nested deeper than any stack',
        async () => {
          await server.write(
            `{"eventName":"OnCallRemoved","loginName":"oxe70000","nested":${'['.repeat(200_000)}${']'.repeat(200_000)}}\n`,
          );
        },
      ],
    ] as const satisfies readonly (readonly [string, () => Promise<void>])[]) {
      it(`${what}: Node-RED lives, and the next good event is delivered`, write);
    }

    for (const [what, reply] of [
      ['compressed', () => text(gzipSync(Buffer.alloc(50 * 1024 * 1024)), { 'Content-Encoding': 'gzip' })],
      ['a page of HTML', () => text('<html>Welcome</html>', { 'Content-Type': 'text/html' })],
      [
        'a redirection to another host',
        () => redirect(307, `${stranger.url}/OTEvents?subscriptionId=${SUBSCRIPTION}`),
      ],
      ['500', () => json({}, 500)],
      [
        'nothing, at once',
        () => (request) => {
          request.destroy();
        },
      ],
    ] as const satisfies readonly (readonly [string, () => Reply])[]) {
      it(`answered with ${what}: it is opened again`, async () => {
        server.next(/^\/OTEvents/, reply());
        server.breakChannel();
        await server.used();
        await goodEvent();
        await connected();
      });
    }
  });

  describe('in an answer', () => {
    for (const [what, reply, code, words] of [
      [
        '100 MB, announced',
        () => megabytes(100, { 'Content-Length': 100 * 1024 * 1024 }),
        'SERVER_PROBLEM',
        /more than 32 MiB/,
      ],
      ['100 MB, not announced', () => megabytes(100), 'SERVER_PROBLEM', /more than 32 MiB/],
      [
        'a gzip bomb',
        () => text(gzipSync(Buffer.alloc(100 * 1024 * 1024)), { 'Content-Encoding': 'gzip' }),
        'SERVER_PROBLEM',
        /compressed \(gzip\)/,
      ],
      ['a slow drip without end', () => dripping, 'TIMEOUT', /did not answer within 5 s/],
      [
        'a page of HTML',
        () =>
          text('<html><script>alert(1)</script>Welcome to <b>nginx</b></html>', {
            'Content-Type': 'text/html',
          }),
        'SERVER_PROBLEM',
        /something else than JSON/,
      ],
      [
        'a page of HTML that is called JSON',
        () => text('<html></html>'),
        'SERVER_PROBLEM',
        /something else than JSON/,
      ],
      ...['42', '"text"', 'null', '[]', '{"a":', '\ufeff\u0000'].map(
        (body) =>
          [
            `the body ${JSON.stringify(body)}`,
            () => text(body),
            'SERVER_PROBLEM',
            /something else than JSON/,
          ] as const,
      ),
      ...[301, 302, 303, 307, 308].map(
        (status) =>
          [
            `a redirection ${status} to another host`,
            () => redirect(status, `${stranger.url}/api/rest/1.0/system/status`),
            'SERVER_PROBLEM',
            /getSystemStatus/,
          ] as const,
      ),
      [
        'an error of 1 MB',
        () =>
          json(
            {
              httpStatus: 'X',
              code: 1e308,
              type: 'x'.repeat(100_000),
              helpMessage: 'y'.repeat(500_000),
              innerMessage: { toString: 1 },
            },
            500,
          ),
        'SERVER_PROBLEM',
        /^.{1,700}$/,
      ],
      [
        'an error with keys of prototypes',
        () => text('{"__proto__":{"type":"POLLUTED"},"constructor":{"prototype":{"polluted":true}}}'),
        undefined,
        undefined,
      ],
    ] as const satisfies readonly (readonly [
      string,
      () => Reply,
      string | undefined,
      RegExp | undefined,
    ])[]) {
      it(`${what}: ${code === undefined ? 'is handed on as data' : `is ${code}, in clear words`}`, async () => {
        server.next(/\/system\/status/, reply());
        red.inject('in-status', { query: 'system' });
        if (code === undefined) {
          await red.told('out');
          red.inject('ask-polluted', {});
          assert.equal((await red.told('polluted')).payload, 'undefined');
          return;
        }
        const error = await failure();
        assert.deepEqual([error.code, words.test(error.message)], [code, true], error.message.slice(0, 1000));
      });
    }

    it('JSON under another content type is read', async () => {
      server.next(/\/system\/status/, text('{"primary":"yes"}', { 'Content-Type': 'text/plain' }));
      red.inject('in-status', { query: 'system' });
      assert.deepEqual((await red.told('out')).payload, { primary: 'yes' });
    });
  });

  describe('while a session is opened', () => {
    /** Makes the palette log in anew. */
    const logInAnew = async (): Promise<void> => {
      server.forgetSession();
      red.inject('in-status', { query: 'system' });
      await server.used();
      // Repeated in the new session.
      await red.told('out', undefined, { timeoutMs: 30_000 });
      await connected();
    };

    for (const [what, path, reply] of [
      [
        'the descriptor is redirected to another host',
        /^\/api\/rest$/,
        () => redirect(302, `${stranger.url}/api/rest`),
      ],
      [
        'the authentication is redirected to another host',
        /authenticate/,
        () => redirect(302, `${stranger.url}/api/rest/authenticate?version=1.0`),
      ],
      [
        'the opening of the session is redirected to another host',
        /\/sessions$/,
        () => redirect(307, `${stranger.url}/api/rest/1.0/sessions`),
      ],
      [
        'the subscription is redirected to another host',
        /\/subscriptions$/,
        () => redirect(307, `${stranger.url}/api/rest/1.0/subscriptions`),
      ],
      [
        'the descriptor has versions of the wrong shape',
        /^\/api\/rest$/,
        () => json({ versions: [null, 5, { id: {} }] }),
      ],
      ['the descriptor is endless', /^\/api\/rest$/, () => megabytes(100)],
      [
        'the addresses are no texts',
        /^\/api\/rest$/,
        () => json({ versions: [{ id: '1.0', publicUrl: {}, internalUrl: 5 }] }),
      ],
      [
        'the cookie would break a header',
        /authenticate/,
        () =>
          json({
            credential: 'a\r\nX-Injected: yes',
            publicUrl: '/api/rest/1.0/sessions',
            internalUrl: '/api/rest/1.0/sessions',
          }),
      ],
      [
        'the session lives for no time that makes sense',
        /\/sessions$/,
        () =>
          json({
            admin: true,
            timeToLive: { toString: 1 },
            publicBaseUrl: '/api/rest/1.0',
            privateBaseUrl: '/api/rest/1.0',
            services: {},
          }),
      ],
      ['the session is no object', /\/sessions$/, () => text('null')],
      [
        'the subscription has no identifier',
        /\/subscriptions$/,
        () => json({ status: 'ACCEPTED', subscriptionId: 7 }),
      ],
      ['the list of links is of the wrong shape', /\/iprecord\/7\/link$/, () => json({ drLinks: { a: 1 } })],
      [
        'the devices of a link are of the wrong shape',
        /\/iprecord\/7\/link$/,
        () =>
          json({
            drLinks: [
              null,
              5,
              {
                identifier: 'registration-1',
                nbRecordedDevices: 'x',
                recordedDevices: [null, { number: {} }, 'x'],
              },
            ],
          }),
      ],
    ] as const satisfies readonly (readonly [string, RegExp, () => Reply])[]) {
      it(`${what}: told, and tried again`, async () => {
        server.next(path, reply());
        await logInAnew();
        assert.ok(server.received.every(({ headers }) => headers['x-injected'] === undefined));
      });
    }

    it('URLs of another host in all answers: everything goes to the host that was typed', async () => {
      server.elsewhere = stranger.url;
      await logInAnew();
      await goodEvent();
      server.elsewhere = undefined;
    });
  });
});

describe('a hostile server behind https', () => {
  it('that names http addresses gets nothing there, though its own addresses were consented to', async function downgrade() {
    this.timeout(60_000);
    const { key, cert } = await certificate();
    const server = await HostileServer.start({ key, cert });
    const stranger = await server.stranger();
    server.elsewhere = stranger.url;
    const trust = {
      id: 'trust',
      type: 'tls-config',
      name: '',
      cert: '',
      key: '',
      ca: '',
      certname: '',
      keyname: '',
      caname: 'ca',
      verifyservercert: true,
      credentials: { cadata: cert },
    };
    const red = await startNodeRed();
    for (const access of ['private', 'public', 'auto']) {
      await red.deploy([
        trust,
        ...flowFor(server, { server: { access, tls: 'trust', application: access } }),
      ]);
      const { error } = await red.told('caught', (message) => message.error?.source.id === 'server');
      assert.equal(error?.code, 'REFUSED');
      assert.match(error.message, /https was typed: nothing is sent there without encryption/);
    }
    assert.deepEqual(stranger.received, []);
    assert.ok(
      server.received.every(({ headers }) => headers.authorization === undefined),
      'the password was not even shown to the server itself',
    );
    await red.stop();
    await Promise.all([server.close(), stranger.close()]);
  });
});

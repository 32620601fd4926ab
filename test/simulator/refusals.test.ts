import assert from 'node:assert/strict';
import type { Simulator } from '../../simulator/simulator-api';
import { API, openSession, send, start, stopAll } from './support';
import type { Client, Sending } from './support';

interface Wrong {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly sending?: Sending;
  readonly status: number;
  /** Null: refused, but a client written after the specification may send it. */
  readonly violation: RegExp | null;
}

const RECORD = {
  deviceNumber: '70120',
  ipRecorderAddr: '127.0.0.1',
  sentFlowPort: 20000,
  receivedFlowPort: 20002,
};
const BEEP = { deviceNumber: '70120', tone: 25, presenceDuration: 50, silenceDuration: 15 };
const TDM = { deviceNumber: '70120', crystal: 2, board: 0, timeslot: 10 };
const subscription = (selector: object, more: object = {}): object => ({
  version: '1.0',
  filter: { selectors: [selector] },
  ...more,
});

/** `LINK` in a path is a link with 70120 monitored and recorded, 70121 monitored, and nothing else. */
const WRONG: readonly Wrong[] = [
  // Paths and methods
  {
    what: 'a resource that does not exist',
    method: 'GET',
    path: '/telephony/call',
    status: 404,
    violation: /no such resource/,
  },
  {
    what: 'a method that a resource does not have',
    method: 'PATCH',
    path: '/sessions',
    status: 405,
    violation: /PATCH is not available/,
  },

  // Query parameters
  {
    what: 'a query parameter that does not exist',
    method: 'GET',
    path: '/logins?nodes=7',
    status: 400,
    violation: /no query parameter nodes/,
  },
  {
    what: 'a flag with a value',
    method: 'GET',
    path: '/logins?onlyACD=true',
    status: 400,
    violation: /onlyACD has no value/,
  },
  {
    what: 'nodes that are no numbers',
    method: 'GET',
    path: '/logins?nodeIds=7,x',
    status: 400,
    violation: /nodeIds must be/,
  },
  {
    what: 'an empty query parameter',
    method: 'GET',
    path: '/telephony/state?loginName=',
    status: 400,
    violation: /loginName can't be empty/,
  },
  {
    what: 'an administrator who names no user',
    method: 'GET',
    path: '/telephony/calls',
    status: 400,
    violation: /loginName must be specified/,
  },
  { what: 'a search for no user', method: 'GET', path: '/users', status: 400, violation: /companyPhone/ },
  {
    what: 'a user who is not monitored',
    method: 'GET',
    path: '/users/oxe70199',
    status: 400,
    violation: null,
  },
  {
    what: 'a phone that nobody has',
    method: 'GET',
    path: '/users?companyPhone=1',
    status: 404,
    violation: null,
  },
  {
    what: 'a call that is over',
    method: 'GET',
    path: '/telephony/calls/0000000000000000?loginName=oxe70120',
    status: 404,
    violation: null,
  },
  {
    what: "somebody else's device",
    method: 'GET',
    path: '/telephony/devices/70130?loginName=oxe70120',
    status: 404,
    violation: null,
  },
  {
    what: 'the agent state of one who is no agent',
    method: 'GET',
    path: '/acd/agent/state?loginName=oxe70120',
    status: 400,
    violation: null,
  },
  {
    what: 'a snapshot of an unknown user',
    method: 'POST',
    path: '/telephony/state/snapshot?loginName=oxe1',
    status: 404,
    violation: null,
  },

  // Bodies
  {
    what: 'a body where none belongs',
    method: 'POST',
    path: '/telephony/state/snapshot',
    body: {},
    status: 400,
    violation: /has no body/,
  },
  {
    what: 'no body',
    method: 'POST',
    path: '/iprecord/7/link',
    status: 400,
    violation: /mandatory: RegisterServiceRequest/,
  },
  {
    what: 'another content type',
    method: 'POST',
    path: '/iprecord/7/link',
    body: '{}',
    sending: { headers: { 'Content-Type': 'text/plain' } },
    status: 415,
    violation: /application\/json/,
  },
  {
    what: 'no content type',
    method: 'POST',
    path: '/iprecord/7/link',
    body: '{}',
    status: 415,
    violation: /none given/,
  },
  {
    what: 'a body that is not JSON',
    method: 'POST',
    path: '/iprecord/7/link',
    body: '{',
    sending: { headers: { 'Content-Type': 'application/json' } },
    status: 400,
    violation: /not JSON/,
  },
  {
    what: 'a list for an object',
    method: 'POST',
    path: '/iprecord/7/link',
    body: [],
    status: 400,
    violation: /a list given/,
  },
  {
    what: 'a field that does not exist',
    method: 'POST',
    path: '/iprecord/7/link',
    body: { secure: true },
    status: 400,
    violation: /secure: RegisterServiceRequest has no such field/,
  },
  {
    what: 'a recorder type that does not exist',
    method: 'POST',
    path: '/iprecord/7/link',
    body: { type: 'Nice' },
    status: 400,
    violation: /"Nice" is no IPRecorderType/,
  },
  {
    what: 'a text for a boolean',
    method: 'POST',
    path: '/iprecord/7/link',
    body: { secured: 'true' },
    status: 400,
    violation: /secured: boolean expected, string given/,
  },
  {
    what: 'null for a field',
    method: 'POST',
    path: '/iprecord/7/link',
    body: { type: null },
    status: 400,
    violation: /type: null is no IPRecorderType/,
  },

  // Subscriptions
  {
    what: 'a version that does not exist',
    method: 'POST',
    path: '/subscriptions',
    body: { version: '2.0' },
    status: 400,
    violation: /version must be 1.0/,
  },
  {
    what: 'no version',
    method: 'POST',
    path: '/subscriptions',
    body: {},
    status: 400,
    violation: /version is mandatory/,
  },
  {
    what: 'a lifetime of one minute',
    method: 'POST',
    path: '/subscriptions',
    body: { version: '1.0', timeout: 1 },
    status: 400,
    violation: /timeout must be 2..60/,
  },
  {
    what: 'a lifetime of more than an hour',
    method: 'POST',
    path: '/subscriptions',
    body: { version: '1.0', timeout: 61 },
    status: 400,
    violation: /timeout must be 2..60/,
  },
  {
    what: 'the reserved sessionId',
    method: 'POST',
    path: '/subscriptions',
    body: { version: '1.0', sessionId: 'x' },
    status: 400,
    violation: /reserved/,
  },
  {
    what: 'a webhook that is no URL',
    method: 'POST',
    path: '/subscriptions',
    body: { version: '1.0', webHookUrl: '/events' },
    status: 400,
    violation: /webHookUrl/,
  },
  {
    what: 'an administrator without ids',
    method: 'POST',
    path: '/subscriptions',
    body: subscription({ names: ['telephony'] }),
    status: 400,
    violation: /at least one identifier/,
  },
  {
    what: 'a selector without names',
    method: 'POST',
    path: '/subscriptions',
    body: subscription({ ids: ['*'] }),
    status: 400,
    violation: /names is mandatory/,
  },
  {
    what: 'an empty list of names',
    method: 'POST',
    path: '/subscriptions',
    body: subscription({ names: [], ids: ['*'] }),
    status: 400,
    violation: /names can't be empty/,
  },
  {
    what: 'an empty name',
    method: 'POST',
    path: '/subscriptions',
    body: subscription({ names: [''], ids: ['*'] }),
    status: 400,
    violation: /name can't be empty/,
  },
  {
    what: 'two packages in a selector',
    method: 'POST',
    path: '/subscriptions',
    body: subscription({ names: ['telephony', 'agent'], ids: ['*'] }),
    status: 400,
    violation: /different packages/,
  },
  {
    what: 'events of two packages in a selector',
    method: 'POST',
    path: '/subscriptions',
    body: subscription({ names: ['OnCallCreated', 'OnUserInfoChanged'], ids: ['*'] }),
    status: 400,
    violation: /different packages/,
  },
  {
    what: 'an update without a subscription',
    method: 'PUT',
    path: '/subscriptions',
    body: { selectors: [] },
    status: 400,
    violation: null,
  },
  {
    what: 'a subscription that never was',
    method: 'DELETE',
    path: '/subscriptions/x',
    status: 400,
    violation: /no such subscription/,
  },

  // Links
  {
    what: 'a node that is no number',
    method: 'GET',
    path: '/iprecord/x/link',
    status: 400,
    violation: /nodeId must be an int/,
  },
  {
    what: 'a node that does not exist',
    method: 'GET',
    path: '/iprecord/8/link',
    status: 404,
    violation: null,
  },
  {
    what: 'a link that never was',
    method: 'DELETE',
    path: '/iprecord/7/link/123456',
    status: 404,
    violation: /no DR link 123456/,
  },
  {
    what: 'a device that does not exist',
    method: 'POST',
    path: 'LINK/monitor',
    body: { deviceNumber: '1' },
    status: 404,
    violation: null,
  },
  {
    what: 'an empty device number',
    method: 'POST',
    path: 'LINK/monitor',
    body: { deviceNumber: '' },
    status: 400,
    violation: /deviceNumber can't be empty/,
  },
  {
    what: 'a number for a device number',
    method: 'POST',
    path: 'LINK/monitor',
    body: { deviceNumber: 70120 },
    status: 400,
    violation: /deviceNumber: string expected/,
  },
  {
    what: 'recording what is not monitored',
    method: 'POST',
    path: 'LINK/record',
    body: { ...RECORD, deviceNumber: '70130' },
    status: 403,
    violation: /not monitored on this link/,
  },
  {
    what: 'TDM recording of what is not monitored',
    method: 'POST',
    path: 'LINK/tdmrecord',
    body: { ...TDM, deviceNumber: '70130' },
    status: 403,
    violation: /not monitored on this link/,
  },
  {
    what: 'a port of 70000',
    method: 'POST',
    path: 'LINK/record',
    body: { ...RECORD, sentFlowPort: 70000 },
    status: 400,
    violation: /sentFlowPort must be 1..65535/,
  },
  {
    what: 'port 0',
    method: 'POST',
    path: 'LINK/record',
    body: { ...RECORD, receivedFlowPort: 0 },
    status: 400,
    violation: /receivedFlowPort must be 1..65535/,
  },
  {
    what: 'a port given as text',
    method: 'POST',
    path: 'LINK/record',
    body: { ...RECORD, sentFlowPort: '20000' },
    status: 400,
    violation: /sentFlowPort: 32-bit int expected/,
  },
  {
    what: 'an IPv6 recorder',
    method: 'POST',
    path: 'LINK/record',
    body: { ...RECORD, ipRecorderAddr: '::1' },
    status: 400,
    violation: /IP V4/,
  },
  {
    what: 'a recorder by name',
    method: 'POST',
    path: 'LINK/record',
    body: { ...RECORD, ipRecorderAddr: 'localhost' },
    status: 400,
    violation: /IP V4/,
  },
  {
    what: 'IP recording of an analogue set',
    method: 'POST',
    path: 'LINK/record',
    body: { ...RECORD, deviceNumber: '70190' },
    status: 400,
    violation: null,
  },
  {
    what: 'time slot 0',
    method: 'POST',
    path: 'LINK/tdmrecord',
    body: { ...TDM, timeslot: 0 },
    status: 400,
    violation: /timeslot must be 1..30/,
  },
  {
    what: 'time slot 31',
    method: 'POST',
    path: 'LINK/tdmrecord',
    body: { ...TDM, timeslot: 31 },
    status: 400,
    violation: /timeslot must be 1..30/,
  },
  {
    what: 'a negative crystal',
    method: 'POST',
    path: 'LINK/tdmrecord',
    body: { ...TDM, crystal: -1 },
    status: 400,
    violation: /crystal must not be negative/,
  },
  {
    what: 'a tone of 20',
    method: 'POST',
    path: 'LINK/beep',
    body: { ...BEEP, tone: 20 },
    status: 400,
    violation: /tone must be 21..30/,
  },
  {
    what: 'a tone of 25.5',
    method: 'POST',
    path: 'LINK/beep',
    body: { ...BEEP, tone: 25.5 },
    status: 400,
    violation: /tone: 32-bit int expected/,
  },
  {
    what: 'a presence of 256',
    method: 'POST',
    path: 'LINK/beep',
    body: { ...BEEP, presenceDuration: 256 },
    status: 400,
    violation: /presenceDuration must be 0..255/,
  },
  {
    what: 'a beep without its silence',
    method: 'POST',
    path: 'LINK/beep',
    body: { ...BEEP, silenceDuration: undefined },
    status: 400,
    violation: /silenceDuration is mandatory/,
  },
  {
    what: 'a beep on what is not recorded',
    method: 'POST',
    path: 'LINK/beep',
    body: { ...BEEP, deviceNumber: '70121' },
    status: 403,
    violation: /it is not recorded/,
  },
  {
    what: 'the end of a recording that is none',
    method: 'DELETE',
    path: 'LINK/record/70121',
    status: 404,
    violation: null,
  },
  {
    what: 'the end of a beep that is none',
    method: 'DELETE',
    path: 'LINK/beep/70120',
    status: 404,
    violation: null,
  },
  {
    what: 'the end of a monitoring that is none',
    method: 'DELETE',
    path: 'LINK/monitor/70130',
    status: 404,
    violation: null,
  },
];

describe('a request that is wrong', () => {
  let oxe: Simulator;
  let client: Client;
  let link: string;

  before(async () => {
    oxe = await start();
    client = await openSession(oxe);
    link = await client.monitor('70120', '70121', '70190');
    await client.ok('POST', `${link}/record`, RECORD);
  });
  beforeEach(() => {
    oxe.clearViolations();
  });
  after(stopAll);

  for (const { what, method, path, body, sending, status, violation } of WRONG) {
    it(`${what}: ${status}${violation ? ', remembered' : ', no violation'}`, async () => {
      const reply = await send(`${oxe.url}${API}${path.replace('LINK', link)}`, method, {
        cookie: client.cookie,
        body,
        ...sending,
      });
      const violations = oxe.violations().join('\n');
      oxe.clearViolations();
      assert.equal(reply.status, status, reply.text);
      assert.deepEqual(Object.keys(reply.body), [
        'httpStatus',
        'code',
        'helpMessage',
        'type',
        'innerMessage',
        'canRetry',
      ]);
      if (violation) assert.match(violations, violation);
      else assert.equal(violations, '');
    });
  }

  for (const cookie of [undefined, 'made-up']) {
    it(`without a cookie that was given (${cookie ?? 'none'}) is refused on every resource`, async () => {
      for (const [method, path] of [
        ['GET', '/sessions'],
        ['POST', '/sessions'],
        ['GET', '/logins'],
        ['GET', '/iprecord/7/link'],
        ['POST', '/subscriptions'],
      ] as const) {
        const reply = await send(`${oxe.url}${API}${path}`, method, { cookie });
        assert.deepEqual([reply.status, reply.body.code], [403, 1001], `${method} ${path}`);
      }
      assert.equal(oxe.violations().length, 5);
      oxe.clearViolations();
    });
  }

  it('is a POST on the descriptor: 405', async () => {
    const reply = await send(`${oxe.url}/api/rest`, 'POST');
    assert.deepEqual([reply.status, reply.body.httpStatus], [405, 'METHOD_NOT_ALLOWED']);
    oxe.clearViolations();
  });

  it('is forgiven doubled and trailing slashes, as real servers forgive them', async () => {
    assert.equal((await client.send('GET', '//sessions/')).status, 200);
  });

  it('names users and packages that the server does not know: refused, with a message, and no violation', async () => {
    for (const [selector, message] of [
      [{ names: ['telephny'], ids: ['*'] }, 'Unknown event or event package: telephny'],
      [{ names: ['telephony'], ids: ['oxe70120', 'oxe1'] }, 'Unknown user: oxe1'],
    ] as const) {
      assert.deepEqual(await client.ok('POST', '/subscriptions', subscription(selector)), {
        message,
        status: 'REFUSED',
      });
    }
  });

  it("is a user's session that wants the events of another user", async () => {
    const user = await openSession(oxe, 'oxe70120', 'user-password');
    assert.equal(
      (await user.send('POST', '/subscriptions', subscription({ names: ['telephony'], ids: ['*'] }))).status,
      403,
    );
    assert.match(oxe.violations().join(), /is not the session's user/);
    oxe.clearViolations();
  });

  it('is a second subscription in a session: it replaces the first, and is remembered', async () => {
    await client.subscribe();
    await client.subscribe();
    assert.equal(oxe.subscriptions().length, 1);
    assert.match(oxe.violations().join(), /has a subscription already/);
    oxe.clearViolations();
  });

  it('has a field that the specification does not have: ignored when the simulator is lenient', async () => {
    const lenient = await start({ unknownFields: 'ignore' });
    const other = await openSession(lenient);
    await other.subscribe({
      mode: 'CHUNK',
      format: 'JSON',
      filter: { selectors: [{ names: ['system'], families: [] }] },
    });
  });
});

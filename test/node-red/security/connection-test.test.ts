import assert from 'node:assert/strict';
import { flow, o2gServer, type FlowNode } from '../../support/flow';
import { startNodeRed, type NodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';

const ADMIN_AUTH = { adminAuth: { type: 'credentials', users: [] } };

interface Line {
  readonly step?: string;
  readonly outcome?: string;
  readonly note?: string;
  readonly error?: string;
}

describe('the route of "Test connection"', function () {
  this.timeout(60_000);
  let oxe: Simulator;
  let red: NodeRed;

  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    red.admin('/o2g/trial', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const linesOf = async (response: Response): Promise<Line[]> =>
    (await response.text())
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  const stored = (): FlowNode => o2gServer({ url: oxe.url, login: oxe.login, password: oxe.password });

  beforeEach(async () => {
    oxe = await startSimulator({ devices: ['70000-70009'] });
  });
  afterEach(async () => {
    assert.deepEqual([oxe.sessions(), oxe.subscriptions()], [[], []], 'something was left behind');
    assert.deepEqual(oxe.violations(), []);
    assert.ok(red.alive());
    await red.stop();
    await oxe.close();
  });

  it('needs the permission to deploy', async () => {
    red = await startNodeRed({ settings: ADMIN_AUTH, flows: flow([stored()]) });
    const body = { id: 'server', properties: { url: oxe.url }, credentials: {} };
    const status = async (authorization: string): Promise<number> =>
      (await post(body, { authorization })).status;
    assert.deepEqual(
      [
        await status(''),
        await status(`Bearer ${red.token('read')}`),
        await status(`Bearer ${red.token('o2g.write')}`),
      ],
      [401, 403, 403],
    );
    assert.deepEqual(oxe.requests(), []);
    const allowed = await post(body, { authorization: `Bearer ${red.token('flows.write')}` });
    assert.equal(allowed.status, 200);
    // To the end: whoever goes away in the middle of a trial leaves it to go on.
    await allowed.text();
    assert.ok(oxe.requests().length > 0);
  });

  it('takes the stored password when none was typed, of an O2G server only', async () => {
    red = await startNodeRed({
      flows: flow([stored(), { ...stored(), id: 'other', type: 'mqtt-broker', broker: 'localhost' }]),
    });
    const properties = { url: oxe.url };
    assert.deepEqual(
      (await linesOf(await post({ id: 'server', properties, credentials: {} }))).map(
        ({ outcome }) => outcome,
      ),
      ['skipped', 'ok', 'skipped', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'],
    );
    const [refused] = await linesOf(await post({ id: 'other', properties, credentials: {} }));
    assert.match(refused?.error ?? '', /^login: nothing is refused/);
    const wrong = await linesOf(await post({ id: 'server', properties, credentials: { password: 'wrong' } }));
    assert.deepEqual(
      wrong.filter(({ outcome }) => outcome === 'failed').map(({ step, note }) => [step, note]),
      [['login', 'wrongPassword']],
    );
    assert.doesNotMatch(red.log(), new RegExp(oxe.password));
  });

  it('takes environment variables for whole values', async () => {
    red = await startNodeRed({ env: { O2G_URL: oxe.url, O2G_PASSWORD: oxe.password } });
    const lines = await linesOf(
      await post({
        id: 'not-deployed',
        properties: { url: '${O2G_URL}' },
        credentials: { login: oxe.login, password: '${O2G_PASSWORD}' },
      }),
    );
    assert.deepEqual(
      lines.filter(({ outcome, error }) => outcome === 'failed' || error !== undefined),
      [],
    );
    assert.equal(lines.length, 9);
  });

  it('says what is wrong with the form itself, whatever is sent', async () => {
    red = await startNodeRed();
    const first = async (body: unknown): Promise<string> => (await linesOf(await post(body)))[0]?.error ?? '';
    assert.match(
      await first({ properties: { url: 'o2g.example.com' } }),
      /^url: "o2g\.example\.com" is refused/,
    );
    assert.match(await first({}), /^url: nothing is refused/);
    assert.match(await first([]), /^url: nothing is refused/);
    assert.match(
      await first({
        properties: { url: oxe.url, eventPort: '70000' },
        credentials: { login: 'a', password: 'b' },
      }),
      /^eventPort: /,
    );
    assert.match(
      await first({
        properties: { url: oxe.url, tls: 'nowhere' },
        credentials: { login: 'a', password: 'b' },
      }),
      /^tls: .*deployed/,
    );
  });

  it('tells each step as it ends, and ends the trial when nobody listens any more', async () => {
    red = await startNodeRed();
    oxe.answerNext({ path: '/system/status', hang: true });
    const left = new AbortController();
    const response = await red.admin('/o2g/trial', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      signal: left.signal,
      body: JSON.stringify({
        properties: { url: oxe.url, timeout: '300' },
        credentials: { login: oxe.login, password: oxe.password },
      }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let told = '';
    while (!told.includes('"step":"channel"')) told += (await reader?.read())?.value ?? '';
    assert.equal(oxe.sessions().length, 1);
    left.abort();
    await oxe.once(() => oxe.sessions().length === 0);
  });
});

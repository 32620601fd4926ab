import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificate } from '../../support/certificates';
import { startNodeRed } from '../../support/node-red';
import { startSimulator } from '../../../simulator';
import { BEEP, TARGET, wholeFlow } from '../flows';

describe('secrets', function secrets() {
  this.timeout(120_000);

  it('are in no log at trace level, status, message, error, export, state file or answer of the admin API, on good days and bad ones', async () => {
    const tls = await certificate();
    const oxe = await startSimulator({
      devices: ['70000-70099'],
      secure: true,
      linksOutliveSessions: true,
      tls,
    });
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
      credentials: { cadata: tls.cert },
    };
    const red = await startNodeRed({
      flows: [trust, ...wholeFlow(oxe, { server: { tls: 'trust' }, link: { devices: '70000-70004' } })],
      settings: { logging: { console: { level: 'trace', metrics: true, audit: true } } },
    });
    await oxe.once(() => oxe.monitored(7).length === 5, { timeoutMs: 20_000 });
    const found = new Set<string>([oxe.password]);
    const collect = (): void => {
      for (const { id } of oxe.subscriptions()) found.add(id);
      for (const { cookie } of oxe.sessions()) found.add(cookie);
      for (const { headers } of oxe.requests())
        for (const pair of headers.cookie?.split('; ') ?? []) found.add(pair.replace(/^[^=]+=/, ''));
      for (const { headers } of oxe.requests())
        if (headers.authorization !== undefined) found.add(headers.authorization.replace('Basic ', ''));
    };

    // SRTP keys are given to the flow that asked, once.
    red.inject('in-record', {
      action: 'start',
      payload: [
        { deviceNumber: '70000', ...TARGET },
        { deviceNumber: '70001', ...TARGET, sentFlowPort: 20004, receivedFlowPort: 20006 },
      ],
    });
    const { payload } = await red.told<{ srtp: { key: string; salt: string } }[]>('out', undefined, {
      timeoutMs: 20_000,
    });
    const keys = payload.flatMap(({ srtp }) => [srtp.key, srtp.salt]);
    red.inject('in-beep', { action: 'start', payload: { deviceNumber: '70000', ...BEEP } });
    await red.told('out', undefined, { timeoutMs: 20_000 });
    collect();

    // Bad days: everything that makes somebody write down what happened.
    red.inject('in-monitor', { action: 'start', payload: '79999' });
    await red.told('caught', ({ error }) => error?.code === 'NOT_FOUND', { timeoutMs: 20_000 });
    oxe.writeRaw(`<html>garbage\r\n`);
    oxe.answerNext({
      method: 'GET',
      path: '/system/status',
      status: 500,
      body: '<html>Internal error</html>',
    });
    red.inject('in-status', { query: 'system' });
    await red.told('caught', ({ error }) => error?.code === 'SERVER_PROBLEM', { timeoutMs: 20_000 });
    for (const strike of [
      () => {
        oxe.expireSession();
      },
      () => {
        oxe.dropChannel('reset');
      },
      () => {
        oxe.refuseChannel(403);
        oxe.dropChannel('reset');
      },
      () => {
        oxe.resetConnections();
      },
    ]) {
      const back = oxe.nextRequest({ path: '/OTEvents', status: 200 }, { timeoutMs: 20_000 });
      strike();
      await back;
      await oxe.once(() => oxe.channelCount() === 1 && oxe.monitored(7).length === 5, { timeoutMs: 20_000 });
      collect();
    }
    for (const query of ['session', 'coverage', 'metrics', 'links', 'system']) {
      red.inject('in-status', { query });
      await red.told('out', undefined, { timeoutMs: 20_000 });
    }

    const everything = new Map<string, string>([
      ['the log', red.log()],
      ['the exported flows', JSON.stringify(await red.flows())],
    ]);
    for (const id of [
      'server',
      'link',
      'node-events',
      'node-record',
      'node-beep',
      'node-monitor',
      'node-status',
    ])
      everything.set(`the statuses of ${id}`, JSON.stringify(red.statuses(id)));
    const [first, ...others] = red.received('out');
    assert.ok(JSON.stringify(first).includes(keys[0] ?? 'no key'));
    for (const [name, messages] of [
      ['later answers', others],
      ['output 2', red.received('news')],
      ['errors', red.received('caught')],
      ['Status nodes', red.received('shown')],
    ] as const)
      everything.set(name, JSON.stringify(messages));
    for (const path of [
      '/flows',
      '/credentials/o2g-server/server',
      '/nodes',
      '/settings',
      '/diagnostics',
      '/context/global',
      '/context/flow/tab',
      '/context/node/server',
    ]) {
      everything.set(`GET ${path}`, await (await red.admin(path)).text());
    }
    // A draft may be renamed while it is read; it becomes one of the others.
    const stateFiles = (await readdir(join(red.userDir, '.o2g'))).filter((name) => name.endsWith('.json'));
    for (const file of stateFiles)
      everything.set(`state file ${file}`, await readFile(join(red.userDir, '.o2g', file), 'utf8'));
    assert.ok(
      [...everything.keys()].some((name) => name.startsWith('state file')),
      'a state file was looked at',
    );
    assert.ok(found.size >= 6 && keys.length === 4, 'there are secrets to be found');
    for (const [where, words] of everything) {
      for (const secret of [...found, ...keys])
        assert.ok(!words.includes(secret), `${secret.slice(0, 6)}… is in ${where}`);
    }
    assert.deepEqual(oxe.violations(), []);
    await red.stop();
    await oxe.close();
  });
});

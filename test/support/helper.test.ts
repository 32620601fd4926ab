import assert from 'node:assert/strict';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';

import type { NodeAPI, Node, NodeDef } from 'node-red';

import { openEditor } from './browser';
import { certificate } from './certificates';
import { whenTestEnds } from './cleanup';
import { catchAll, flow, node, probeIn, probeOut } from './flow';
import { loadFlow } from './helper';
import { startNodeRed } from './node-red';

const double = (RED: NodeAPI): void => {
  RED.nodes.registerType('double', function (this: Node, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    this.status({ text: 'ready' });
    this.on('input', (msg, send, done) => {
      if (typeof msg.payload !== 'number') return done(new Error('not a number'));
      send({ ...msg, payload: 2 * msg.payload });
      done();
    });
  });
};

const doubled = flow([
  probeIn('in', 'times2'),
  node('times2', 'double', {}, 'out'),
  probeOut('out'),
  catchAll('errors'),
  probeOut('errors'),
]);

describe('the other supports of the tests', () => {
  for (const time of ['once', 'and again']) {
    it(`a flow runs inside the test's process ${time}`, async () => {
      const loaded = await loadFlow([double], doubled);
      await loaded.statusOf('times2', ({ text }) => text === 'ready');
      loaded.inject('in', { payload: 21 });
      assert.equal((await loaded.told('out')).payload, 42);
      loaded.inject('in', { payload: 'x' });
      assert.match((await loaded.told('errors')).error?.message ?? '', /not a number/);
    });
  }

  for (const version of ['4.1', '5.0'] as const) {
    it(`the editor of Node-RED ${version} opens in French and dark, without a problem`, async () => {
      const nodeRed = await startNodeRed({
        version,
        palette: 'none',
        flows: doubled.filter(({ type }) => type !== 'double'),
      });
      const { page, problems } = await openEditor(nodeRed, { locale: 'fr-FR', dark: true });
      assert.equal(await page.evaluate('RED.i18n.lang().split("-")[0]'), 'fr');
      assert.deepEqual(problems, []);
    });
  }

  it('an https server with the certificate is trusted by whoever trusts the certificate', async () => {
    const { key, cert } = await certificate();
    const server = createServer({ key, cert }, (_request, response) => response.end('hello')).listen(
      0,
      '127.0.0.1',
    );
    whenTestEnds(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise<void>((resolve, reject) => {
      get({ port, host: '127.0.0.1', ca: cert, agent: false }, (response) =>
        resolve(void response.resume()),
      ).once('error', reject);
    });
  });
});

import assert from 'node:assert/strict';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { inFlightOf } from '../../../nodes/lib/lifecycle/in-flight-messages';
import { changed, flow, node, probeOut } from '../../support/flow';
import { loadFlow } from '../../support/helper';

/** The next stop of flows is the deploy of the test, not the end of it. */
let deploying = false;

/** A node that sends in the very turn in which a deploy begins to stop nodes, and one that closes slowly. */
const nodes = (RED: NodeAPI): void => {
  RED.nodes.registerType('test-sender', function (this: Node, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    const send = (): void => {
      if (!deploying) return;
      deploying = false;
      for (const payload of ['late 1', 'late 2']) inFlightOf(RED).send(this, 1, { payload });
    };
    RED.events.prependListener('flows:stopping', send);
    this.on('close', () => {
      RED.events.removeListener('flows:stopping', send);
    });
    this.on('input', (msg, _send, done) => {
      inFlightOf(RED).send(this, 1, msg);
      done();
    });
  });
  RED.nodes.registerType('test-slow', function (this: Node, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    this.on('input', (msg, send, done) => {
      send(msg);
      done();
    });
    this.on('close', (done: () => void) => {
      setTimeout(done, 20);
    });
  });
};

const flows = flow([
  node('sender', 'test-sender', {}, null, ['out', 'slow', 'other']),
  node('slow', 'test-slow', {}, 'slow-out'),
  ...['out', 'other', 'slow-out'].map((name) => probeOut(name)),
]);

describe('messages that are on their way when a deploy begins', () => {
  for (const [type, replaced, what] of [
    ['full', { sender: { name: 'new' } }, 'everything is replaced'],
    ['nodes', { out: { x: 1, info: 'new' } }, 'one of the receivers is replaced'],
    ['nodes', { sender: { name: 'new' } }, 'only their sender is replaced'],
    ['flows', { other: { info: 'new' } }, 'the flow is replaced'],
  ] as const) {
    it(`arrive once, in order: ${what}`, async () => {
      const loaded = await loadFlow([nodes], flows);
      loaded.node('sender').receive({ payload: 'early' });
      await loaded.told('other', ({ payload }) => payload === 'early');
      deploying = true;
      await loaded.deploy(changed(flows, replaced), type);
      loaded.node('sender').receive({ payload: 'after' });
      for (const probe of ['out', 'other']) {
        await loaded.told(probe, ({ payload }) => payload === 'after');
        assert.deepEqual(
          loaded.received(probe).map(({ payload }) => payload),
          ['early', 'late 1', 'late 2', 'after'],
          probe,
        );
      }
    });
  }

  it('go to a receiver that takes its time to close, and not to its successor as well', async () => {
    const loaded = await loadFlow([nodes], flows);
    deploying = true;
    await loaded.deploy(changed(flows, { slow: { name: 'new' } }), 'nodes');
    loaded.node('sender').receive({ payload: 'after' });
    await loaded.told('slow-out', ({ payload }) => payload === 'after');
    assert.deepEqual(
      loaded.received('slow-out').map(({ payload }) => payload),
      ['late 1', 'late 2', 'after'],
    );
  });
});

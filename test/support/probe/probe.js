// Runs inside the spawned Node-RED. `probe-in` sends into the flow what the test injects; `probe-out` tells the test what
// arrives. Statuses, answers (`done`), deploys and the port are told too, so that a test never has to wait for time.
'use strict';

/** JSON text of a message: Buffers, Errors and numbers beyond JSON survive under a marker, what can't be told is named. */
function encode(message) {
  const path = []; // the objects between the message and the value at hand, each as it is and as it is shown
  return JSON.stringify(message, function replace(key, told) {
    while (path.length > 0 && path[path.length - 1].shown !== this) path.pop();
    const value = this[key]; // `told` has been through toJSON: a Buffer would no longer be one
    if (path.some(({ original }) => original === value)) return '[circular]';
    const shown = value instanceof Date ? told : show(value);
    if (shown !== null && typeof shown === 'object') path.push({ original: value, shown });
    return shown;
  });
}

function show(value) {
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) };
  if (typeof value === 'function') return '[function]';
  if (value === null || typeof value !== 'object') return value;
  if (Buffer.isBuffer(value)) return { $buffer: value.toString('base64') };
  if (value instanceof Error)
    return { name: value.name, message: value.message, ...value, cause: value.cause };
  return typeof value.pipe === 'function' ? '[stream]' : value; // msg.req and msg.res hang on sockets
}

function decode(text) {
  return JSON.parse(text, (_key, value) =>
    typeof value?.$buffer === 'string' ? Buffer.from(value.$buffer, 'base64') : value,
  );
}

function tell(report) {
  if (process.connected) process.send(encode(report));
}

module.exports = (RED) => {
  const entrances = new Map();

  RED.nodes.registerType('probe-in', function ProbeIn(config) {
    RED.nodes.createNode(this, config);
    entrances.set(this.name, this);
    this.on('close', () => {
      if (entrances.get(this.name) === this) entrances.delete(this.name);
    });
  });

  RED.nodes.registerType('probe-out', function ProbeOut(config) {
    RED.nodes.createNode(this, config);
    this.on('input', (message, _send, done) => {
      tell({ told: 'message', probe: this.name, message });
      done();
    });
  });

  RED.hooks.add('onComplete.probe', ({ msg, error, node }) => {
    if (!node.node.type.startsWith('probe-'))
      tell({ told: 'done', node: node.id, done: { msgid: msg._msgid, error: error ?? null } });
  });
  RED.events.on('node-status', ({ id, status }) => tell({ told: 'status', node: id, status }));
  RED.events.on('flows:started', () => tell({ told: 'started' }));
  RED.events.on('runtime-event', ({ id, payload }) => {
    if (id === 'runtime-state' && payload?.error)
      tell({ told: 'not started', reason: `${payload.error} ${(payload.types ?? []).join(', ')}` });
  });
  RED.server.once('listening', () => tell({ told: 'listening', port: RED.server.address().port }));

  process.on('message', (text) => {
    if (text === 'shutdown') return; // Node-RED's own
    const { probe, message } = decode(text);
    const entrance = entrances.get(probe);
    if (entrance) entrance.send(message);
    else
      tell({
        told: 'failure',
        reason: `no probe-in named "${probe}" runs; there are: ${[...entrances.keys()].join(', ') || 'none'}`,
      });
  });
  process.on('disconnect', () => process.exit(1)); // the test runner is gone: nobody would stop this process
};

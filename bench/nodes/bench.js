// Runs inside the spawned Node-REDs of the benchmark. Commands come in by a probe-in, results go out by a probe-out.
'use strict';

const { readChannel } = require('../support/floor.cjs');
const { Meter } = require('../support/meter.cjs');
const { pace } = require('../support/pace.cjs');

/** The devices that the events are about. */
const FIRST = 70000;
const DEVICES = 64;

module.exports = (RED) => {
  // The probe tells every finished input to the test: here that would be the most of what is measured.
  RED.events.once('flows:started', () => {
    RED.hooks.remove('onComplete.probe');
  });

  /** The floor inside Node-RED: reads a channel and sends each event. */
  RED.nodes.registerType('bench-floor', function BenchFloor(config) {
    RED.nodes.createNode(this, config);
    const request = readChannel(config.base, config.channel, config.yields === true, (event) => {
      this.send({ payload: event });
    });
    this.on('close', () => {
      request.destroy();
    });
  });

  /** Counts events: {topic: 'expect', events, check, every} begins a round, its result is sent. Once in `every` events an action is sent. */
  RED.nodes.registerType('bench-meter', function BenchMeter(config) {
    RED.nodes.createNode(this, config);
    const meter = new Meter();
    let seen = 0;
    let every = 0;
    this.on('input', (msg, send, done) => {
      if (msg.topic === 'expect') {
        seen = 0;
        every = msg.every ?? 0;
        meter.expect(msg.events, msg.check, (result) => {
          this.send([{ payload: result }, null]);
        });
        this.send([{ payload: 'ready' }, null]);
      } else {
        if (msg.payload.eventName !== 'OnChannelInformation') seen += 1;
        meter.take(msg.payload);
        if (every > 0 && seen % every === 0) send([null, action(FIRST, seen % DEVICES)]);
      }
      done();
    });
  });

  /** Sends actions at a pace: {perSecond, actions}; their answers come to `bench-answers`. */
  RED.nodes.registerType('bench-actions', function BenchActions(config) {
    RED.nodes.createNode(this, config);
    this.on('input', (msg, send, done) => {
      const cpu = process.cpuUsage();
      pace(
        msg.perSecond,
        msg.actions,
        (index) =>
          new Promise((resolve) => {
            const message = action(config.first ?? FIRST, index % (config.devices ?? DEVICES));
            message.answered = resolve;
            send([null, message]);
          }),
      ).then((took) => {
        const { user, system } = process.cpuUsage(cpu);
        send([{ payload: { took, cpuUs: (user + system) / msg.actions } }, null]);
        done();
      }, done);
    });
  });

  /** Where answers of actions arrive: {topic: 'times', actions} is answered with the milliseconds of so many, once they are there. */
  RED.nodes.registerType('bench-answers', function BenchAnswers(config) {
    RED.nodes.createNode(this, config);
    let took = [];
    let asked = Infinity;
    this.on('input', (msg, send, done) => {
      if (msg.topic === 'times') {
        asked = msg.actions;
      } else {
        took.push(performance.now() - msg.at);
        msg.answered?.();
      }
      if (took.length >= asked) {
        send({ payload: took });
        took = [];
        asked = Infinity;
      }
      done();
    });
  });
};

function action(first, index) {
  return {
    payload: {
      deviceNumber: String(first + index),
      ipRecorderAddr: '127.0.0.1',
      sentFlowPort: 20000,
      receivedFlowPort: 20002,
    },
    at: performance.now(),
  };
}

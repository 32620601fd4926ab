// The recorder as it is shipped, compiled: its worker receives and writes files.
'use strict';

const { rmSync } = require('node:fs');
const { Recorder } = require('../../dist/recorder');

const [folder] = process.argv.slice(2);
const recorder = new Recorder({ address: '127.0.0.1', bind: '127.0.0.1', folder });
const started = recorder.start();
let numbers = [];
let before;

async function begin(devices, keys) {
  await started;
  numbers = Array.from({ length: devices }, (_, index) => String(70_000 + index));
  const ports = [];
  for (const number of numbers) {
    const { sentFlowPort, receivedFlowPort } = await recorder.arm(number, { secure: keys !== undefined });
    ports.push(sentFlowPort, receivedFlowPort);
    if (keys) await recorder.setKeys(number, keys);
    await recorder.expectMedia(number, true);
  }
  process.send({ told: 'ready', ports });
  before = process.cpuUsage();
}

/** What the end of the files costs, comes once a call and isn't counted. */
async function end() {
  const { user, system } = process.cpuUsage(before);
  const finished = (await Promise.all(numbers.map((number) => recorder.disarm(number)))).flat();
  const channels = finished.flatMap((recording) => Object.values(recording.channels));
  for (const { file, metadata } of finished) for (const each of [file, metadata]) rmSync(each);
  const placed = channels.reduce((sum, channel) => sum + channel.packets - channel.late, 0);
  process.send({ told: 'result', cpuUs: user + system, packets: placed });
}

process.on('message', (order) => {
  if (order.do === 'begin') void begin(order.devices, order.keys);
  else void end();
});
process.on('disconnect', () => process.exit());

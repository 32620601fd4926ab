// The floor: sockets that count. No thread of its own, no parsing, nothing kept.
'use strict';

const dgram = require('node:dgram');

let sockets = [];
let packets = 0;
let before;

async function begin(devices) {
  packets = 0;
  sockets = await Promise.all(
    Array.from(
      { length: 2 * devices },
      () =>
        new Promise((resolve) => {
          const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1024 * 1024 });
          socket.on('message', () => {
            packets += 1;
          });
          socket.bind({ address: '127.0.0.1', exclusive: true }, () => resolve(socket));
        }),
    ),
  );
  process.send({ told: 'ready', ports: sockets.map((socket) => socket.address().port) });
  before = process.cpuUsage();
}

function end() {
  const { user, system } = process.cpuUsage(before);
  for (const socket of sockets) socket.close();
  process.send({ told: 'result', cpuUs: user + system, packets });
}

process.on('message', (order) => {
  if (order.do === 'begin') void begin(order.devices);
  else end();
});
process.on('disconnect', () => process.exit());

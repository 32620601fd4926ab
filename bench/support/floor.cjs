// The least that reading the event channel takes: open it, split the bytes into lines, decode, parse, call. What the library is compared with;
// the benchmark's process without Node-RED and its node inside Node-RED share it.
'use strict';

const http = require('node:http');

/**
 * Reads the channel of a name.
 * @param {boolean} yields lets the loop turn after each read, so that other work doesn't wait behind a burst
 */
exports.readChannel = (base, name, yields, onEvent) => {
  const request = http.request(`${base}/channel/${name}`, { method: 'POST', agent: false });
  request.once('response', (response) => {
    let rest = Buffer.alloc(0);
    response.on('data', (bytes) => {
      const chunk = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        onEvent(JSON.parse(chunk.toString('utf8', start, end)));
        start = end + 1;
      }
      rest = chunk.subarray(start);
      if (!yields) return;
      response.pause();
      setImmediate(() => {
        response.resume();
      });
    });
  });
  request.end();
  return request;
};

// The floor without Node-RED, in a process of its own: reads the channel of a name, and when asked sends an action once in so many events.
'use strict';

const http = require('node:http');
const { readChannel } = require('./floor.cjs');
const { Meter } = require('./meter.cjs');

const [base, name, yields, client] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const body = JSON.stringify({
  deviceNumber: '70000',
  ipRecorderAddr: '127.0.0.1',
  sentFlowPort: 20000,
  receivedFlowPort: 20002,
});
const headers = { 'Content-Type': 'application/json', Cookie: 'AlcUserId=floor' };
const url = `${base}/api/rest/1.0/iprecord/7/link/floor/record`;
const meter = new Meter();
/** An action once in so many events, 0 for none. */
let every = 0;
let seen = 0;
let took = [];
let result;

/** All events are there, and the answers of all actions. */
function tell() {
  if (result && took.length === (every === 0 ? 0 : Math.floor(seen / every)))
    process.send({ told: 'result', result, took });
}

const got = client === 'got' ? import('got') : undefined;

function send(answered) {
  if (got)
    return void got
      .then(({ default: post }) => post(url, { method: 'POST', body, headers, agent: { http: agent } }))
      .then(answered);
  const request = http.request(
    url,
    { method: 'POST', agent, headers: { ...headers, 'Content-Length': body.length } },
    (response) => {
      response.resume().once('end', answered);
    },
  );
  request.end(body);
}

function act() {
  const at = performance.now();
  send(() => {
    took.push(performance.now() - at);
    tell();
  });
}

readChannel(base, name, yields === 'yields', (event) => {
  if (event.eventName === 'OnChannelInformation') return;
  seen += 1;
  if (every !== 0 && seen % every === 0) act();
  meter.take(event);
});
process.on('message', ({ expect, check, every: often = 0 }) => {
  every = often;
  seen = 0;
  took = [];
  result = undefined;
  meter.expect(expect, check === true, (ended) => {
    result = ended;
    tell();
  });
  process.send({ told: 'ready' });
});
process.on('disconnect', () => process.exit());

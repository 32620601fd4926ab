import assert from 'node:assert/strict';
import { EventLineParser } from '../../o2g/transport/event-line-parser';
import type { O2GEvent } from '../../o2g/spec/event';

interface Read {
  events: O2GEvent[];
  malformed: string[];
}

function read(chunks: Iterable<Buffer>): Read {
  const result: Read = { events: [], malformed: [] };
  const reader = new EventLineParser({
    onEvent: (event) => result.events.push(event),
    onMalformed: (reason) => result.malformed.push(reason),
  });
  for (const chunk of chunks) reader.push(chunk);
  return result;
}

const EVENTS: O2GEvent[] = [
  { eventName: 'OnChannelInformation', text: 'Chunk started' },
  {
    eventName: 'OnCallCreated',
    loginName: 'oxe70120',
    callRef: 'b7c1d2e321000800',
    name: 'Élodie Ντίνα 電話 📞',
  },
  { eventName: 'OnUserStateModified', loginName: 'oxe70120', state: 'FREE' },
];
const STREAM = Buffer.from(
  EVENTS.map((event, index) => JSON.stringify(event) + (index % 2 ? '\n' : '\r\n')).join('\r\n'),
);

describe('EventReader', () => {
  it('gives the same events wherever the stream is cut once: between CR and LF, inside a UTF-8 character', () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
      assert.deepEqual(
        read([STREAM.subarray(0, cut), STREAM.subarray(cut)]),
        { events: EVENTS, malformed: [] },
        `cut at ${cut}`,
      );
    }
  });

  it('gives the same events byte by byte', () => {
    assert.deepEqual(read([...STREAM].map((byte) => Buffer.from([byte]))), { events: EVENTS, malformed: [] });
  });

  it('skips a line that is not JSON, says so, and gives the next event', () => {
    assert.deepEqual(
      read([
        Buffer.from(
          '{"eventName":"OnCallCre\n<html>\n42\nnull\n[]\n{"text":"no name"}\n{"eventName":"OnCallRemoved"}\n',
        ),
      ]),
      {
        events: [{ eventName: 'OnCallRemoved' }],
        malformed: [
          'a line that is not JSON',
          'a line that is not JSON',
          'a line without eventName',
          'a line without eventName',
          'a line without eventName',
          'a line without eventName',
        ],
      },
    );
  });

  it('loses a line that never ends, keeps none of it in memory, and gives the next event', () => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    const before = process.memoryUsage().rss;
    const chunks = (function* stream(): Generator<Buffer> {
      for (let sent = 0; sent < 300; sent += 1) yield megabyte;
      yield Buffer.from('\n{"eventName":"OnCallRemoved"}\n');
    })();
    assert.deepEqual(read(chunks), {
      events: [{ eventName: 'OnCallRemoved' }],
      malformed: ['a line longer than 4 MiB'],
    });
    assert.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024, '300 MB of one line were not kept');
  });

  it('passes invalid UTF-8 and prototype keys on as data', () => {
    const { events } = read([
      Buffer.concat([
        Buffer.from('{"eventName":"OnX","__proto__":{"polluted":true},"text":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}\n'),
      ]),
    ]);
    assert.equal(events.length, 1);
    assert.ok(Object.hasOwn(events[0] ?? {}, '__proto__'));
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });
});

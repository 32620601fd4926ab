/** The event channel's reader against the least that can be done: find the line's end, decode, parse. */
import { EventLineParser } from '../o2g/transport/event-line-parser';
import { measure, timed, type Contender, type Part } from './measure';
import { bytesOf } from './support/events';

const WHOLE = 64 * 1024;

export async function reader(tiny: boolean): Promise<Part[]> {
  const events = tiny ? 1000 : 100_000;
  const rounds = tiny ? 1 : 7;
  const bytes = bytesOf(events);
  return [
    await part(
      'in reads of 64 KiB',
      cutEvery(bytes, () => WHOLE),
      events,
      rounds,
    ),
    await part(
      'cut into pieces of 1 to 600 bytes',
      cutEvery(bytes, (index) => 1 + ((index * 7919) % 600)),
      events,
      rounds,
    ),
  ];
}

async function part(title: string, pieces: readonly Buffer[], events: number, rounds: number): Promise<Part> {
  const contender = (name: string, read: (pieces: readonly Buffer[]) => number): Contender => ({
    name,
    run: () =>
      timed(events, () => {
        if (read(pieces) !== events) throw new Error(`${name} lost events`);
        return undefined;
      }),
  });
  return {
    title: `an event, ${title}`,
    rounds,
    figures: await measure(
      [contender('floor: split and parse', floor), contender('EventReader', ours)],
      rounds,
    ),
  };
}

function cutEvery(bytes: Buffer, sizeOf: (index: number) => number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieces.at(-1)?.length ?? 0)
    pieces.push(bytes.subarray(at, at + sizeOf(pieces.length)));
  return pieces;
}

function floor(pieces: readonly Buffer[]): number {
  let rest: Buffer = Buffer.alloc(0);
  let parsed = 0;
  for (const piece of pieces) {
    const chunk = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      JSON.parse(chunk.toString('utf8', start, end));
      parsed += 1;
      start = end + 1;
    }
    rest = chunk.subarray(start);
  }
  return parsed;
}

function ours(pieces: readonly Buffer[]): number {
  let parsed = 0;
  const eventReader = new EventLineParser({
    onEvent: () => {
      parsed += 1;
    },
    onMalformed: () => undefined,
  });
  for (const piece of pieces) eventReader.push(piece);
  return parsed;
}

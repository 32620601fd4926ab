import assert from 'node:assert/strict';

import { Tickets } from '../../nodes/lib/recordings-page/tickets';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

describe('a ticket for a recording', () => {
  let now: number;
  let tickets: Tickets<string>;

  beforeEach(() => {
    now = 0;
    tickets = new Tickets(() => now);
  });

  it('opens what it was given for, as often as it is shown, and no other', () => {
    const [one, two] = [tickets.issue('one'), tickets.issue('two')];
    assert.deepEqual(
      [one, two, one].map((ticket) => tickets.use(ticket)),
      ['one', 'two', 'one'],
    );
    assert.equal(tickets.use(one.slice(1)), undefined);
    assert.equal(tickets.use(''), undefined);
  });

  it('is over after a minute when nobody has used it', () => {
    const [early, late] = [tickets.issue('one'), tickets.issue('one')];
    now = MINUTE - 1;
    assert.equal(tickets.use(early), 'one');
    now = MINUTE;
    assert.equal(tickets.use(late), undefined);
  });

  it('lasts while it is used every ten minutes, half a day at most', () => {
    const ticket = tickets.issue('one');
    for (now = 30 * SECOND; now < 12 * 60 * MINUTE; now += 10 * MINUTE - 1)
      assert.equal(tickets.use(ticket), 'one', String(now));
    assert.equal(tickets.use(ticket), undefined);
    const idle = tickets.issue('one');
    tickets.use(idle);
    now += 10 * MINUTE;
    assert.equal(tickets.use(idle), undefined);
  });

  it('gives way, the oldest first, to those after it when there are very many', () => {
    const all = Array.from({ length: 1001 }, (_, number) => tickets.issue(String(number)));
    assert.equal(tickets.use(all[0] ?? ''), undefined);
    assert.equal(tickets.use(all[1] ?? ''), '1');
    assert.equal(tickets.use(all.at(-1) ?? ''), '1000');
  });
});

import assert from 'node:assert/strict';
import { Masking } from '../../nodes/lib/sidebar/masking';

describe('masking', () => {
  it('gives the same value the same mark, in fields and in texts, as a word of its own only', () => {
    const masking = new Masking({ off: false });
    assert.equal(masking.numbers('70000-70099, 70120 all'), '<number 1>-<number 2>, <number 3> all');
    assert.equal(masking.number('70120'), '<number 3>');
    assert.equal(masking.number('99'), '<number 4>');
    assert.equal(masking.login('oxe70120'), '<login 1>');
    assert.equal(
      masking.text('70120 of oxe70120 is 99, not 990 or 701201'),
      '<number 3> of <login 1> is <number 4>, not 990 or <number 5>',
    );
  });

  it('leaves nothing of a name, however many words it has, nor of another name that is a part of it', () => {
    const masking = new Masking({ off: false });
    masking.name('Ward 4');
    masking.name('Link of Ward 4 East');
    assert.equal(
      masking.text('several links are (Link of Ward 4 East, Ward 4)'),
      'several links are (<name 2>, <name 1>)',
    );
  });

  it('finds hosts, addresses and numbers that nobody named before, and keeps what helps: types of errors, states, HTTP', () => {
    const masking = new Masking({ off: false });
    assert.equal(
      masking.text(
        'NOT_FOUND (1002, HTTP 404), NOT_CONNECTED: https://o2g.example.com:443/api and 192.0.2.10:8016 do not answer; +33390670000 heard HTTP 503 on node 7.',
      ),
      'NOT_FOUND (1002, HTTP 404), NOT_CONNECTED: <address 1> and <address 2> do not answer; <number 1> heard HTTP 503 on node 7.',
    );
  });

  it('changes nothing when it is off', () => {
    const masking = new Masking({ off: true });
    assert.deepEqual(
      [masking.name('Ward 4'), masking.numbers('70000-70099'), masking.text('Ward 4: 70000')],
      ['Ward 4', '70000-70099', 'Ward 4: 70000'],
    );
  });
});

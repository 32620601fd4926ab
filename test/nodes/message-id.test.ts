import assert from 'node:assert/strict';
import { nextMessageId } from '../../nodes/lib/node/message-id';

it('ids of messages are 16 hexadecimal digits, no two the same', () => {
  const ids = Array.from({ length: 10_000 }, nextMessageId);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(
    ids.filter((id) => !/^[\da-f]{16}$/.test(id)),
    [],
  );
});

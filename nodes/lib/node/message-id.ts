/** The `_msgid` of messages that no input asked for. Node-RED would make one from eight random numbers, a twentieth of what an event costs. */
import { randomBytes } from 'node:crypto';

/** Eight digits, all the time: no padding. */
const FIRST = 0x10000000;
const LAST = 0xffffffff;

let prefix = '';
let last = LAST;

/** 16 hexadecimal digits, as Node-RED's own: unlike any other of this process, and by chance unlike all of the others. */
export function nextMessageId(): string {
  if (last === LAST) {
    prefix = randomBytes(4).toString('hex');
    last = FIRST - 1;
  }
  last += 1;
  return prefix + last.toString(16);
}

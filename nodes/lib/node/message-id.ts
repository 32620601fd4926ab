/** The `_msgid` of messages that no input asked for. Node-RED would make one from eight random numbers, a twentieth of what an event costs. */
import { randomBytes } from 'node:crypto';

/** Eight digits, all the time: no padding. */
const FIRST_SUFFIX = 0x10000000;
const LAST_SUFFIX = 0xffffffff;

let prefix = '';
let lastSuffix = LAST_SUFFIX;

/** 16 hexadecimal digits, as Node-RED's own: unlike any other of this process, and by chance unlike all of the others. */
export function nextMessageId(): string {
  if (lastSuffix === LAST_SUFFIX) {
    prefix = randomBytes(4).toString('hex');
    lastSuffix = FIRST_SUFFIX - 1;
  }
  lastSuffix += 1;
  return prefix + lastSuffix.toString(16);
}

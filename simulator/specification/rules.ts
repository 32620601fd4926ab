import { isIPv4 } from 'node:net';
import type { BodyOf, OperationName } from './operations';

/** Longest channel lifetime in minutes; the shortest is 2, and 0 means the session's lifetime. */
const LONGEST_TIMEOUT = 60;

const within = (name: string, value: number, least: number, most: number): string[] =>
  value >= least && value <= most ? [] : [`${name} must be ${least}..${most}, ${value} given`];

const given = (name: string, value: string): string[] => (value === '' ? [`${name} can't be empty`] : []);

/** What the text of the specification asks of a body beyond its table: ranges, formats, reserved fields. */
const RULES: { readonly [N in OperationName]?: (body: BodyOf<N>) => string[] } = {
  openSession: ({ applicationName, supervisedAccount }) => [
    ...given('applicationName', applicationName),
    ...(supervisedAccount ? given('supervisedAccount.id', supervisedAccount.id) : []),
  ],
  subscribe: ({ version, timeout, sessionId, webHookUrl }) => [
    ...(version === '1.0' ? [] : [`version must be 1.0, ${version} given`]),
    ...(timeout === undefined || timeout === 0 ? [] : within('timeout', timeout, 2, LONGEST_TIMEOUT)),
    ...(sessionId === undefined ? [] : ['sessionId is reserved: do not use']),
    ...(webHookUrl === undefined || isHttpUrl(webHookUrl)
      ? []
      : [`webHookUrl must be an absolute http(s) URL, ${webHookUrl} given`]),
  ],
  startMonitor: ({ deviceNumber }) => given('deviceNumber', deviceNumber),
  startRecord: ({ deviceNumber, ipRecorderAddr, sentFlowPort, receivedFlowPort }) => [
    ...given('deviceNumber', deviceNumber),
    ...(isIPv4(ipRecorderAddr) ? [] : [`ipRecorderAddr must be an IP V4 address, ${ipRecorderAddr} given`]),
    ...within('sentFlowPort', sentFlowPort, 1, 65_535),
    ...within('receivedFlowPort', receivedFlowPort, 1, 65_535),
  ],
  startTdmRecord: ({ deviceNumber, crystal, board, timeslot }) => [
    ...given('deviceNumber', deviceNumber),
    ...(crystal < 0 ? [`crystal must not be negative, ${crystal} given`] : []),
    ...(board < 0 ? [`board must not be negative, ${board} given`] : []),
    ...within('timeslot', timeslot, 1, 30),
  ],
  startBeep: ({ deviceNumber, tone, presenceDuration, silenceDuration }) => [
    ...given('deviceNumber', deviceNumber),
    ...within('tone', tone, 21, 30),
    ...within('presenceDuration', presenceDuration, 0, 255),
    ...within('silenceDuration', silenceDuration, 0, 255),
  ],
};

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

/** The rules of the text that a body, already right by its table, breaks. */
export function brokenRules<N extends OperationName>(name: N, body: BodyOf<N>): string[] {
  return RULES[name]?.(body) ?? [];
}

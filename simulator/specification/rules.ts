import { isIPv4 } from 'node:net';
import type { BodyOf, OperationName } from './operations';

/** Longest channel lifetime in minutes; the shortest is 2, and 0 means the session's lifetime. */
const MAX_CHANNEL_TIMEOUT_MINUTES = 60;

const rangeProblems = (name: string, value: number, min: number, max: number): string[] =>
  value >= min && value <= max ? [] : [`${name} must be ${min}..${max}, ${value} given`];

const emptyProblems = (name: string, value: string): string[] =>
  value === '' ? [`${name} can't be empty`] : [];

/** What the text of the specification asks of a body beyond its table: ranges, formats, reserved fields. */
const BODY_RULES: { readonly [N in OperationName]?: (body: BodyOf<N>) => string[] } = {
  openSession: ({ applicationName, supervisedAccount }) => [
    ...emptyProblems('applicationName', applicationName),
    ...(supervisedAccount ? emptyProblems('supervisedAccount.id', supervisedAccount.id) : []),
  ],
  subscribe: ({ version, timeout, sessionId, webHookUrl }) => [
    ...(version === '1.0' ? [] : [`version must be 1.0, ${version} given`]),
    ...(timeout === undefined || timeout === 0
      ? []
      : rangeProblems('timeout', timeout, 2, MAX_CHANNEL_TIMEOUT_MINUTES)),
    ...(sessionId === undefined ? [] : ['sessionId is reserved: do not use']),
    ...(webHookUrl === undefined || isHttpUrl(webHookUrl)
      ? []
      : [`webHookUrl must be an absolute http(s) URL, ${webHookUrl} given`]),
  ],
  startMonitor: ({ deviceNumber }) => emptyProblems('deviceNumber', deviceNumber),
  startRecord: ({ deviceNumber, ipRecorderAddr, sentFlowPort, receivedFlowPort }) => [
    ...emptyProblems('deviceNumber', deviceNumber),
    ...(isIPv4(ipRecorderAddr) ? [] : [`ipRecorderAddr must be an IP V4 address, ${ipRecorderAddr} given`]),
    ...rangeProblems('sentFlowPort', sentFlowPort, 1, 65_535),
    ...rangeProblems('receivedFlowPort', receivedFlowPort, 1, 65_535),
  ],
  startTdmRecord: ({ deviceNumber, crystal, board, timeslot }) => [
    ...emptyProblems('deviceNumber', deviceNumber),
    ...(crystal < 0 ? [`crystal must not be negative, ${crystal} given`] : []),
    ...(board < 0 ? [`board must not be negative, ${board} given`] : []),
    ...rangeProblems('timeslot', timeslot, 1, 30),
  ],
  startBeep: ({ deviceNumber, tone, presenceDuration, silenceDuration }) => [
    ...emptyProblems('deviceNumber', deviceNumber),
    ...rangeProblems('tone', tone, 21, 30),
    ...rangeProblems('presenceDuration', presenceDuration, 0, 255),
    ...rangeProblems('silenceDuration', silenceDuration, 0, 255),
  ],
};

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

/** The rules of the text that a body, already right by its table, breaks. */
export function brokenRules<N extends OperationName>(name: N, body: BodyOf<N>): string[] {
  return BODY_RULES[name]?.(body) ?? [];
}

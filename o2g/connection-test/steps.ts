/** The steps of a trial in their order. `name` is DNS, `port` the TCP connection. */
export const STEPS = [
  'name',
  'port',
  'tls',
  'descriptor',
  'login',
  'session',
  'channel',
  'nodes',
  'licences',
] as const;
export type Step = (typeof STEPS)[number];

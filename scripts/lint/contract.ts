/** The palette's public contract: what flows of users hold. It is extended, never renamed. */

/** Every property of every type, with its default. A typed input has its companion. */
export const PROPERTIES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'o2g-server': {
    name: '',
    url: '',
    secondaryUrl: '',
    access: 'typed',
    eventPort: '',
    application: 'Node-RED',
    supervisedId: '',
    supervisedType: 'LOGIN_NAME',
    tls: undefined,
    timeout: 10,
    offlineWait: 10,
    delivery: 'chunk',
    lifetime: 0,
    webhookUrl: '',
    tunnelPort: '',
    tunnelFormat: '',
  },
  'o2g-link': {
    name: '',
    server: '',
    oxeNode: '',
    recorder: 'OTHER',
    secured: '',
    devices: '',
    media: '',
    record: '',
    onStop: 'close',
  },
  'o2g-recorder': {
    name: '',
    address: '',
    bind: '',
    portMin: 20000,
    portMax: 29999,
    folder: 'recordings',
    filename: '{{deviceNumber}}/{{startedAt}}-{{id}}',
    format: 'g711',
    split: 'conversation',
    maxMinutes: 240,
    encrypt: false,
    retentionDays: 0,
  },
  'o2g-events': {
    name: '',
    server: '',
    selectors: [{ names: ['telephony'], ids: [] }],
    snapshot: false,
    dynamic: false,
    inputs: 0,
  },
  'o2g-calls': { name: '', devices: '', changes: [] },
  'o2g-monitor': { name: '', link: '', action: 'start', ...typed('str', 'deviceNumber') },
  'o2g-record': {
    name: '',
    link: '',
    action: 'start',
    recorder: '',
    mode: 'ip',
    ...typed('str', 'deviceNumber', 'ipRecorderAddr'),
    ...typed('num', 'sentFlowPort', 'receivedFlowPort', 'crystal', 'board', 'timeslot', 'resumeAfter'),
  },
  'o2g-beep': {
    name: '',
    link: '',
    action: 'start',
    ...typed('str', 'deviceNumber'),
    ...typed('num', 'tone', 'presenceDuration', 'silenceDuration'),
  },
  'o2g-status': {
    name: '',
    server: '',
    query: '',
    ...typed('str', 'loginName', 'companyPhone', 'callRef', 'deviceId', 'nodeIds'),
    ...typed('num', 'oxeNode'),
    ...typed('bool', 'onlyACD', 'onlyWithExtLogin'),
  },
};

/** Configuration nodes have no ports. */
export const PORTS: Readonly<Record<string, { readonly inputs: number; readonly outputs: number }>> = {
  'o2g-events': { inputs: 0, outputs: 2 },
  'o2g-calls': { inputs: 1, outputs: 1 },
  'o2g-monitor': { inputs: 1, outputs: 1 },
  'o2g-record': { inputs: 1, outputs: 2 },
  'o2g-beep': { inputs: 1, outputs: 1 },
  'o2g-status': { inputs: 1, outputs: 1 },
};

/** What is kept apart from the flow. Only a `text` can be read back by the editor. */
export const CREDENTIALS: Readonly<Record<string, Readonly<Record<string, { readonly type: string }>>>> = {
  'o2g-server': {
    login: { type: 'text' },
    password: { type: 'password' },
    webhookToken: { type: 'password' },
    tunnelToken: { type: 'password' },
  },
  'o2g-recorder': {
    key: { type: 'password' },
    previousKeys: { type: 'password' },
    signingKey: { type: 'password' },
  },
};

function typed(type: string, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => [
      [name, ''],
      [`${name}Type`, type],
    ]),
  );
}

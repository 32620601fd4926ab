/**
 * What each folder may import: other folders by their door (`index.ts`), and nothing else (docs/decisions/001-folders.md).
 * A folder that isn't listed is free, such as test/ and bench/. `folder/file` is a file with imports of its own.
 */

/** The parts of a folder that only its own files and its door know, under the name of that folder. */
const inside = (folder, parts) =>
  Object.fromEntries(
    Object.entries(parts).map(([part, others]) => [
      `${folder}/${part}`,
      others.map((other) => (other.startsWith('/') ? other.slice(1) : `${folder}/${other}`)),
    ]),
  );

const O2G = inside('o2g', {
  util: [],
  spec: ['util'],
  transport: ['util', 'spec'],
  session: ['util', 'spec', 'transport'],
  calls: ['util', 'spec'],
  link: ['util', 'spec', 'session', 'calls'],
  'connection-test': ['util', 'spec', 'transport', 'session'],
  tunnel: ['util', 'spec', 'transport', 'session'],
});

const RECORDER = inside('recorder', {
  common: [],
  disk: ['common'],
  srtp: ['common'],
  audio: ['common'],
  rtp: ['common', 'srtp', 'audio'],
  encryption: ['common', 'disk'],
  files: ['common', 'disk', 'encryption', 'audio', 'rtp'],
  evidence: ['common', 'disk', 'files'],
  conversation: ['common', 'disk', 'srtp', 'audio', 'rtp', 'files'],
  completion: ['common', 'disk', 'audio', 'encryption', 'files', 'evidence'],
  worker: ['common', 'disk', 'srtp', 'files', 'conversation'],
  archive: ['common', 'disk', 'audio', 'encryption', 'files', 'evidence'],
});

const NODES = inside('nodes/lib', {
  admin: [],
  node: ['/o2g', '/recorder'],
  lifecycle: ['/o2g'],
  recorder: ['/o2g', '/recorder'],
  config: ['lifecycle', 'node', 'recorder', '/o2g', '/recorder/archive'],
  actions: ['config', 'node', 'recorder', '/o2g', '/recorder'],
  delivery: ['lifecycle', '/o2g'],
  forms: ['admin', 'config', '/o2g'],
  sidebar: ['admin', 'config', 'lifecycle', 'recorder', '/o2g', '/recorder'],
  'recordings-page': ['admin', 'config', 'recorder', '/o2g', '/recorder', '/recorder/archive'],
});

const SIMULATOR = inside('simulator', {
  specification: [],
  settings: ['specification'],
  oxe: ['specification', 'settings'],
  recording: ['specification', 'settings', 'oxe'],
  o2g: ['specification', 'settings', 'oxe'],
  journal: ['settings'],
  world: ['settings', 'oxe', 'recording', 'o2g', 'journal'],
  'http/handlers': ['specification', 'settings', 'oxe', 'recording', 'o2g', 'world'],
  http: ['specification', 'settings', 'o2g', 'journal', 'world', 'http/handlers'],
  faults: ['settings', 'o2g', 'http', 'world'],
  play: ['specification', 'settings', 'oxe', 'world'],
  observation: ['recording', 'o2g', 'journal', 'world', 'http'],
  'simulator-api': ['settings', 'observation', 'faults', 'play'],
  control: ['specification', 'settings', 'oxe', 'http', 'play', 'simulator-api'],
});

const partsOf = (parts) => Object.keys(parts);

export const FOLDERS = {
  ...O2G,
  o2g: partsOf(O2G),
  ...RECORDER,
  recorder: partsOf(RECORDER).filter((part) => part !== 'recorder/archive'),
  ...SIMULATOR,
  simulator: partsOf(SIMULATOR),
  ...NODES,
  nodes: [...partsOf(NODES), 'o2g', 'recorder'],
  bin: ['o2g', 'recorder', 'simulator'],
};

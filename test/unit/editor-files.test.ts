import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';

import { STEPS } from '../../o2g/connection-test/steps';
import { ROOT } from '../support/toolchain';

/** What a node's html registers, as far as it is looked at here. */
interface Definition {
  readonly category: string;
  readonly color: string;
  readonly icon: string;
  readonly inputs?: number;
  readonly outputs?: number;
  readonly defaults: Record<
    string,
    {
      value?: unknown;
      type?: string;
      required?: boolean;
      validate?: (value: unknown, opt: object) => unknown;
    }
  >;
  readonly credentials?: Record<string, { type: string }>;
}

interface Html {
  readonly type: string;
  readonly text: string;
  readonly script: string;
  readonly template: string;
  readonly help: string;
  readonly definitions: Record<string, Definition>;
}

interface Catalog {
  readonly [key: string]: string | Catalog;
}
interface ExampleNode {
  readonly id: string;
  readonly type: string;
  readonly wires?: string[][];
  readonly [property: string]: unknown;
}

/** Every property of every type, with its default: the palette's public contract. A typed input has its companion. */
const PROPERTIES: Record<string, Record<string, unknown>> = {
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

const PORTS: Record<string, { inputs: number; outputs: number }> = {
  'o2g-events': { inputs: 0, outputs: 2 },
  'o2g-calls': { inputs: 1, outputs: 1 },
  'o2g-monitor': { inputs: 1, outputs: 1 },
  'o2g-record': { inputs: 1, outputs: 2 },
  'o2g-beep': { inputs: 1, outputs: 1 },
  'o2g-status': { inputs: 1, outputs: 1 },
};

/** What Node-RED brings along; an example needs nothing else to be installed. */
const CORE = [
  'tab',
  'group',
  'comment',
  'inject',
  'debug',
  'catch',
  'status',
  'complete',
  'switch',
  'change',
  'function',
  'http in',
  'http response',
  'http request',
  'udp out',
  'file in',
  'delay',
];

const MODULE = '@o2g/node-red-recording/';
const TYPES = Object.keys(packageTypes());
const FILES = TYPES.map(readHtml);

function typed(type: string, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => [
      [name, ''],
      [`${name}Type`, type],
    ]),
  );
}

function read(...path: string[]): string {
  return readFileSync(join(ROOT, ...path), 'utf8');
}

function packageTypes(): Record<string, string> {
  const {
    'node-red': { nodes },
  } = JSON.parse(read('package.json')) as { 'node-red': { nodes: Record<string, string> } };
  return nodes;
}

/** The text between the tags of a script with this attribute. */
function scriptOf(html: string, attribute: string): string {
  const found = new RegExp(`<script [^>]*${attribute}[^>]*>\n([^]*?)</script>`).exec(html);
  assert.ok(found?.[1] !== undefined, `no script with ${attribute}`);
  return found[1];
}

/** Runs a node's script as the editor does, with the palette's own helper and an editor of the few things it needs at once. */
function register(script: string): Record<string, Definition> {
  const definitions: Record<string, Definition> = {};
  const editor = {
    _: (key: string) => key,
    nodes: {
      registerType: (type: string, definition: Definition) => {
        definitions[type] = definition;
      },
    },
    editor: { getEditStack: () => [] },
  };
  const window: { o2gForms?: unknown } = {};
  runInNewContext(read('resources', 'forms', 'forms.js'), { window, RED: editor, URL });
  runInNewContext(script, { RED: editor, o2gForms: window.o2gForms });
  return definitions;
}

function readHtml(type: string): Html {
  const text = read('nodes', `${type}.html`);
  const script = scriptOf(text, 'type="text/javascript"');
  return {
    type,
    text,
    script,
    template: scriptOf(text, `data-template-name="${type}"`),
    help: scriptOf(text, `data-help-name="${type}"`),
    definitions: register(script),
  };
}

function catalogOf(type: string): Catalog {
  return JSON.parse(read('nodes', 'locales', 'en-US', `${type}.json`)) as Catalog;
}

function keysOf(catalog: Catalog, path: readonly string[] = []): string[] {
  return Object.entries(catalog).flatMap(([key, value]) =>
    typeof value === 'string' ? [[...path, key].join('.')] : keysOf(value, [...path, key]),
  );
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, key]) => key ?? '');
}

/** The keys that a node's html uses of its own catalog. */
function ownKeys({ template, script }: Html): string[] {
  const attributes = matches(template, /data-i18n="(?:\[\w+\])?([^"]+)"/g);
  return [...attributes, ...matches(script, /\b(?:this|node)\._\('([^']+)'/g)];
}

/** The keys of any of the palette's catalogs that a text names in full, such as `o2g-beep:label.tone`. */
function fullKeys(text: string): string[] {
  return matches(text, /['"`](?:@o2g\/node-red-recording\/)?(o2g-\w+:[\w.-]+)['"`]/g);
}

/** Statuses are set by the runtime; the browser translates them. */
function statusKeys(): string[] {
  return matches(read('nodes', 'lib', 'node', 'node-status.ts'), /\bkey\('(\w+)'\)/g).map(
    (name) => `o2g-server:status.${name}`,
  );
}

/** The sentences of the connection test: a key a step, an outcome and a note. */
function trialKeys(): string[] {
  const own = matches(read('resources', 'forms', 'connection-test.js'), /\bwords\('(\w+)'\)/g);
  const outcomes = matches(
    /ICONS = \{([^}]*)\}/.exec(read('resources', 'forms', 'connection-test.js'))?.[1] ?? '',
    /(\w+):/g,
  ).map((name) => `outcome.${name}`);
  const steps = STEPS.map((name) => `step.${name}`);
  const notes = matches(
    read('o2g', 'connection-test', 'hints.ts').split('const BY_CODE')[0] ?? '',
    /'(\w+)'(?= \||,|\]|;|\n)/g,
  ).map((name) => `note.${name}`);
  return [...own, ...outcomes, ...steps, ...notes].map((key) => `o2g-server:trial.${key}`);
}

function usedKeys(): Set<string> {
  const own = FILES.flatMap((html) => ownKeys(html).map((key) => `${html.type}:${key}`));
  const named = [...FILES.map(({ script }) => script), read('resources', 'forms', 'forms.js')].flatMap(
    fullKeys,
  );
  return new Set([...own, ...named, ...statusKeys(), ...trialKeys()]);
}

/** A validator's answer for a node with these properties that isn't being edited. */
function verdict(
  type: string,
  property: string,
  value: unknown,
  others: Record<string, unknown> = {},
): unknown {
  const definition = FILES.find((html) => html.type === type)?.definitions[type];
  const validate = definition?.defaults[property]?.validate;
  assert.ok(validate, `${type}.${property} has no validator`);
  assert.equal(validate.length, 2, 'Node-RED takes words only from a validator with two parameters');
  return validate.call(
    { id: 'tested', ...PROPERTIES[type], ...others, [property]: value, _def: definition },
    value,
    {},
  );
}

describe('the files of the editor', () => {
  it('register the types of package.json, each in its own file', () => {
    assert.deepEqual(
      FILES.map(({ definitions }) => Object.keys(definitions)),
      TYPES.map((type) => [type]),
    );
    assert.deepEqual([...TYPES].sort(), Object.keys(PROPERTIES).sort());
  });

  it('have everything that is shown beside the compiled nodes: icons, catalogs, helper', () => {
    for (const { type, text, definitions } of FILES) {
      assert.match(read('icons', definitions[type]?.icon ?? ''), /viewBox="0 0 40 60"/);
      for (const resource of matches(text, /(?:src|href)="resources\/@o2g\/node-red-recording\/([^"]+)"/g))
        assert.ok(read('resources', resource));
    }
  });

  it('are all published: Node-RED serves resources/ from the root of the package', () => {
    const { files } = JSON.parse(read('package.json')) as { files: string[] };
    for (const folder of ['dist', 'examples', 'resources'])
      assert.ok(files.includes(folder), `${folder} is not in "files" of package.json`);
  });

  for (const html of FILES) {
    const { type } = html;
    const definition = html.definitions[type];

    describe(type, () => {
      it('has exactly the properties of the contract, with their defaults', () => {
        assert.ok(definition);
        const defaults = Object.entries(definition.defaults).map(([name, { value }]) => [name, value]);
        assert.deepEqual(
          JSON.parse(JSON.stringify(Object.fromEntries(defaults))),
          JSON.parse(JSON.stringify(PROPERTIES[type])),
        );
        assert.deepEqual(Object.keys(definition.defaults).sort(), Object.keys(PROPERTIES[type] ?? {}).sort());
      });

      it('has the ports of the contract', () => {
        const { category, inputs, outputs } = definition ?? {};
        assert.deepEqual(category === 'config' ? undefined : { inputs, outputs }, PORTS[type]);
        assert.ok(category === 'config' || category === 'O2G');
      });

      it('refers to configuration nodes that exist, or are in the core', () => {
        const types = Object.values(definition?.defaults ?? {}).flatMap(({ type: other }) =>
          other === undefined ? [] : [other],
        );
        for (const other of types) assert.ok([...TYPES, 'tls-config'].includes(other), other);
      });

      it('has a labelled field for every property that it shows, and shows nothing else', () => {
        const prefix = definition?.category === 'config' ? 'node-config-input-' : 'node-input-';
        const fields = matches(
          html.template,
          new RegExp(`<(?:input|select|textarea)[^>]* id="${prefix}(\\w+)"`, 'g'),
        );
        const hidden = matches(html.template, new RegExp(`<input type="hidden" id="${prefix}(\\w+)"`, 'g'));
        const labels = matches(html.template, new RegExp(`<label [^>]*for="${prefix}(\\w+)"`, 'g'));
        const known = [
          ...Object.keys(definition?.defaults ?? {}),
          ...Object.keys(definition?.credentials ?? {}),
        ];
        assert.deepEqual(
          fields.filter((field) => !known.includes(field)),
          [],
        );
        assert.deepEqual(labels.sort(), fields.filter((field) => !hidden.includes(field)).sort());
      });

      it('says everything in words of the catalog', () => {
        const visible = html.template.replace(/<[^>]*>/g, '').trim();
        assert.equal(visible, '', 'text that is not in the catalog');
      });

      it('has help in the house format: a first sentence for the palette, then inputs, outputs, details, references', () => {
        assert.deepEqual(matches(html.help, /^### (.+)$/gm), ['Inputs', 'Outputs', 'Details', 'References']);
        assert.match(html.help, /^[A-Z][^#]+\.\n\n### Inputs\n/);
        assert.doesNotMatch(html.help, /\*\*|<\w/, 'no bold and no html');
        // Node-RED's own syntax for properties ends at the next colon.
        for (const line of html.help.split('\n').filter((each) => each.startsWith(':')))
          assert.match(line, /^: [^:()]+ \([^:()]+\) : [^:]+$/);
        assert.match(html.text, new RegExp(`<script type="text/markdown" data-help-name="${type}">`));
      });
    });
  }

  it('use only keys that the catalogs have, and leave none of them unused', () => {
    const known = TYPES.flatMap((type) => keysOf(catalogOf(type)).map((key) => `${type}:${key}`));
    assert.deepEqual([...usedKeys()].sort(), known.sort());
  });

  it('keep login, password and token as credentials, unreadable but for the login', () => {
    const credentials = FILES.map(({ type, definitions }) => definitions[type]?.credentials);
    assert.deepEqual(JSON.parse(JSON.stringify(credentials[0])), {
      login: { type: 'text' },
      password: { type: 'password' },
      webhookToken: { type: 'password' },
      tunnelToken: { type: 'password' },
    });
    const recorder = {
      key: { type: 'password' },
      previousKeys: { type: 'password' },
      signingKey: { type: 'password' },
    };
    assert.deepEqual(
      JSON.parse(JSON.stringify(credentials.slice(1))),
      TYPES.slice(1).map((type) => (type === 'o2g-recorder' ? recorder : null)),
    );
  });

  it('take their colours from the theme', () => {
    const styles = [
      read('resources', 'forms', 'forms.css'),
      ...FILES.flatMap(({ text }) => matches(text, /<style>([^]*?)<\/style>/g)),
    ].join('\n');
    const own = styles.replace(/\bred-ui-[\w-]+|\/\*[^]*?\*\//g, '');
    assert.doesNotMatch(own, /#[0-9a-f]{3,8}\b|rgba?\(|\b(?:white|black|red|gr[ae]y)\b/i);
    for (const { template } of FILES) assert.doesNotMatch(template, /\son\w+=|style="[^"]*colou?r/);
  });
});

describe('validators', () => {
  const REFUSED: [
    type: string,
    property: string,
    value: unknown,
    rule: string,
    others?: Record<string, unknown>,
  ][] = [
    ['o2g-server', 'url', '', 'required'],
    ['o2g-server', 'url', 'o2g.example.com', 'address'],
    ['o2g-server', 'url', 'https://o2g.example.com/api/rest', 'address'],
    ['o2g-server', 'url', 'https://admin:secret@o2g.example.com', 'address'],
    ['o2g-server', 'secondaryUrl', 'ftp://o2g.example.com', 'address'],
    ['o2g-server', 'eventPort', '65536', 'number'],
    ['o2g-server', 'timeout', 'ten', 'number'],
    ['o2g-link', 'oxeNode', '', 'required'],
    ['o2g-link', 'oxeNode', 'seven', 'number'],
    ['o2g-link', 'devices', '70099-70000', 'devices'],
    ['o2g-link', 'devices', '70000-700', 'devices'],
    ['o2g-link', 'devices', '70000/70001', 'devices'],
    ['o2g-link', 'record', '70000/70001', 'devices'],
    ['o2g-link', 'media', '', 'required', { record: 'all' }],
    ['o2g-recorder', 'address', '', 'required'],
    ['o2g-recorder', 'address', 'recorder.example.com', 'ipv4'],
    ['o2g-recorder', 'portMax', '20002', 'ports'],
    ['o2g-recorder', 'portMax', '70000', 'number'],
    ['o2g-recorder', 'folder', '', 'required'],
    ['o2g-recorder', 'filename', '{{deviceNumber}}/{{password}}', 'filename'],
    ['o2g-recorder', 'maxMinutes', '0', 'number'],
    ['o2g-recorder', 'retentionDays', '-1', 'number'],
    ['o2g-record', 'resumeAfter', '0', 'number', { action: 'pause' }],
    ['o2g-monitor', 'deviceNumber', 'no-device', 'devices'],
    ['o2g-record', 'ipRecorderAddr', '192.0.2.256', 'ipv4'],
    ['o2g-record', 'ipRecorderAddr', '2001:db8::1', 'ipv4'],
    ['o2g-record', 'ipRecorderAddr', 'recorder.example.com', 'ipv4'],
    ['o2g-record', 'sentFlowPort', '70000', 'number'],
    ['o2g-record', 'sentFlowPort', '0', 'number'],
    ['o2g-record', 'receivedFlowPort', '20000', 'otherPort', { sentFlowPort: '20000' }],
    ['o2g-record', 'timeslot', '31', 'number', { mode: 'tdm' }],
    ['o2g-record', 'crystal', '-1', 'number', { mode: 'tdm' }],
    ['o2g-beep', 'tone', '20', 'number'],
    ['o2g-beep', 'presenceDuration', '256', 'number'],
    ['o2g-beep', 'silenceDuration', '1.5', 'number'],
    ['o2g-status', 'nodeIds', '7 and 8', 'nodeIds', { query: 'logins' }],
    ['o2g-events', 'selectors', [{ names: [], ids: [] }], 'names'],
    ['o2g-events', 'selectors', [], 'selectors'],
    ['o2g-calls', 'devices', '70099-70000', 'devices'],
    ['o2g-calls', 'changes', ['answered', 'forgotten'], 'changes'],
  ];
  for (const [type, property, value, rule, others] of REFUSED) {
    it(`refuse ${JSON.stringify(value)} as ${property} of ${type}, by the rule "${rule}"`, () => {
      assert.match(String(verdict(type, property, value, others)), new RegExp(`:rule\\.${rule}$`));
    });
  }

  const ACCEPTED: [type: string, property: string, value: unknown, others?: Record<string, unknown>][] = [
    ['o2g-server', 'url', 'https://o2g.example.com'],
    ['o2g-server', 'url', 'http://192.0.2.1:8080/'],
    ['o2g-server', 'url', '${O2G_URL}'],
    ['o2g-server', 'timeout', 10],
    ['o2g-server', 'timeout', '30'],
    ['o2g-server', 'eventPort', ''],
    ['o2g-link', 'devices', ''],
    ['o2g-link', 'devices', '70000 - 70099, 70120;\n*71'],
    ['o2g-link', 'oxeNode', '${OXE_NODE}'],
    ['o2g-monitor', 'deviceNumber', '70000-70099, 70120'],
    ['o2g-record', 'receivedFlowPort', '20002', { sentFlowPort: '20000' }],
    ['o2g-record', 'receivedFlowPort', ''],
    ['o2g-record', 'sentFlowPort', '70000', { mode: 'tdm' }],
    ['o2g-record', 'sentFlowPort', '70000', { action: 'stop' }],
    ['o2g-record', 'sentFlowPort', '70000', { action: 'hold' }],
    ['o2g-record', 'timeslot', '31', { mode: 'ip' }],
    ['o2g-record', 'sentFlowPort', '70000', { recorder: 'a-recorder' }],
    ['o2g-record', 'resumeAfter', '0', { action: 'start' }],
    ['o2g-link', 'media', undefined, { record: undefined }],
    ['o2g-link', 'record', 'all'],
    ['o2g-recorder', 'filename', '{{{ user }}}/{{&party}} {{id}}'],
    ['o2g-recorder', 'folder', '${RECORDINGS}'],
    ['o2g-beep', 'tone', '${TONE}'],
    ['o2g-beep', 'tone', undefined],
    ['o2g-status', 'nodeIds', '7, 8', { query: 'logins' }],
    ['o2g-status', 'nodeIds', '7 and 8', { query: 'user' }],
    ['o2g-events', 'selectors', [], { dynamic: true }],
    ['o2g-calls', 'changes', ['answered', 'ended']],
    ['o2g-calls', 'changes', '${CHANGES}'],
  ];
  for (const [type, property, value, others] of ACCEPTED) {
    const where = others === undefined ? '' : ` with ${JSON.stringify(others)}`;
    it(`accept ${JSON.stringify(value)} as ${property} of ${type}${where}`, () => {
      assert.equal(verdict(type, property, value, others), true);
    });
  }
});

describe('examples', () => {
  const names = readdirSync(join(ROOT, 'examples')).sort();
  const examples = names.map((name) => ({
    name,
    nodes: JSON.parse(read('examples', name)) as ExampleNode[],
  }));

  it('are numbered in the order of the menu, the main job first, policies from 20 on', () => {
    assert.equal(names[0], '01 Record a call.json');
    const numbers = names.map((name) => /^(\d\d) /.exec(name)?.[1]);
    assert.ok(!numbers.includes(undefined), names.join());
    assert.equal(new Set(numbers).size, numbers.length, 'a number twice');
    for (const name of names) assert.equal(name.slice(3).startsWith('Policy '), name >= '20', name);
  });

  for (const { name, nodes } of examples) {
    it(`"${name}" needs nothing but Node-RED and this palette, explains itself and holds no secret`, () => {
      assert.deepEqual(
        nodes.map(({ type }) => type).filter((type) => ![...CORE, ...TYPES].includes(type)),
        [],
      );
      assert.ok(
        nodes.some(({ type, name: title }) => type === 'comment' && title !== ''),
        'a comment node',
      );
      assert.deepEqual(
        nodes.filter((node) => 'credentials' in node),
        [],
      );
      assert.ok(
        nodes.some(({ type }) => type === 'o2g-server') && nodes.some(({ type }) => type === 'o2g-link'),
        'its configuration nodes',
      );
    });

    it(`"${name}" writes every property of our nodes, and no other`, () => {
      for (const { type, ...node } of nodes.filter((each) => TYPES.includes(each.type))) {
        const own = Object.keys(node).filter(
          (property) => !['id', 'z', 'g', 'x', 'y', 'wires'].includes(property),
        );
        assert.deepEqual(own.sort(), Object.keys(PROPERTIES[type] ?? {}).sort(), type);
      }
    });

    it(`"${name}" is wired to its own nodes only`, () => {
      const ids = nodes.map(({ id }) => id);
      const references = nodes.flatMap(({ wires = [], server, link, recorder, media, type, g, z }) => [
        ...wires.flat(),
        server,
        link,
        ...(type === 'o2g-link' ? [media] : [recorder]),
        g,
        z,
      ]);
      assert.deepEqual(
        references.filter(
          (id) => id !== undefined && id !== '' && !(typeof id === 'string' && ids.includes(id)),
        ),
        [],
      );
    });
  }

  it('use every type of the palette', () => {
    const used = new Set(examples.flatMap(({ nodes }) => nodes.map(({ type }) => type)));
    assert.deepEqual(
      TYPES.filter((type) => !used.has(type)),
      [],
    );
  });

  it('share no id, so that several can be imported side by side', () => {
    const ids = examples.flatMap(({ nodes }) => nodes.map(({ id }) => id));
    assert.equal(new Set(ids).size, ids.length);
  });

  it('are named in the help of the node they show', () => {
    const help = FILES.map((html) => html.help).join('\n');
    for (const name of names) assert.ok(help.includes(`"${name.slice(3, -5)}"`), name);
  });
});

describe('the flow that is kept of this version', () => {
  it('has every type with every property, so that a later version is tried with all of them', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    const kept = JSON.parse(read('test', 'upgrades', `${version}.json`)) as ExampleNode[];
    for (const type of TYPES) {
      const nodes = kept.filter((node) => node.type === type);
      assert.ok(nodes.length > 0, type);
      for (const node of nodes)
        assert.deepEqual(
          Object.keys(PROPERTIES[type] ?? {}).filter((property) => !(property in node)),
          [],
          type,
        );
    }
  });
});

describe('namespaces', () => {
  it('of full keys are this package', () => {
    const { name } = JSON.parse(read('package.json')) as { name: string };
    assert.equal(MODULE, `${name}/`);
    assert.ok(read('resources', 'forms', 'forms.js').includes(`'${MODULE}'`));
    for (const { text } of FILES) assert.ok(text.includes(`resources/${MODULE}forms/forms.js`));
  });
});

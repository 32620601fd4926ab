import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { whenRunEnds, whenTestEnds } from './cleanup';
import type { Flow } from './flow';
import { Mailbox, type Patience } from './mailbox';
import { nodeBinary, nodeRedDir, prepared, ROOT, type NodeRedVersion } from './toolchain';

/** A message as it arrived at a probe. Buffers are Buffers again; Errors are objects with `name`, `message` and their own properties. */
export interface Message<Payload = unknown> {
  _msgid?: string;
  topic?: unknown;
  payload: Payload;
  error?: {
    message: string;
    code?: string;
    cause?: unknown;
    source: { id: string; type: string; name?: string };
  };
  [property: string]: unknown;
}

/** What a node showed below itself; `{}` when it cleared it. */
export interface Status {
  fill?: string;
  shape?: string;
  text?: string;
}

/** One input that a node has finished with, well or with an error. */
export interface Done {
  msgid: string;
  error: ({ message: string; code?: string; cause?: unknown } & Record<string, unknown>) | null;
}

/** How a process ended, and how long it took from the signal. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  ms: number;
}

export interface NodeRedOptions {
  /** 4.1 by default. */
  version?: NodeRedVersion;
  /** Path of the Node binary; by default the one running the tests, and for 5.0 Node 24. */
  node?: string;
  /** Deployed once Node-RED runs. Without them it runs what is in `userDir`. */
  flows?: Flow;
  /** Credentials of nodes by id, deployed with `flows`. */
  credentials?: Record<string, Record<string, string>>;
  /** `source` (default): this repository's dist/. A user directory with the tarball installed becomes the `userDir`. `none`: no palette. */
  palette?: 'source' | 'none' | { tarballUserDir: string };
  /** Added to the settings file; with `adminAuth` the harness has its own token, and `token()` makes others. */
  settings?: Record<string, unknown>;
  env?: Record<string, string>;
  /** A user directory to go on with; by default a new one, removed after the run. */
  userDir?: string;
  /** How long it may take until the flows run, 30 s by default. */
  timeoutMs?: number;
}

export interface DeployOptions {
  /** `full` by default; `reload` restarts what is stored and ignores the flows given. */
  type?: 'full' | 'nodes' | 'flows' | 'reload';
  /** Credentials of nodes by id. Those not named keep what they have; a node named counts as changed. */
  credentials?: Record<string, Record<string, string>>;
}

/** A Node-RED in a process of its own. */
export interface NodeRed {
  /** Where its editor and admin API are, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly userDir: string;
  readonly pid: number;
  /** Settles when the process has ended and all it printed is in `log()`. */
  readonly exit: Promise<Omit<Ending, 'ms'>>;
  /** Everything printed so far, stdout and stderr. */
  log(): string;
  /** Resolves when a line that matches has been printed, now or earlier. */
  printed(pattern: RegExp, patience?: Patience): Promise<string>;
  /** Deploys through the admin API as the editor does; resolves when the flows are started again, rejects when a type is missing. */
  deploy(flows: Flow, options?: DeployOptions): Promise<void>;
  /** The flows as the admin API tells them: what an export would hold. */
  flows(): Promise<Flow>;
  /** A request to the admin API, authorised when `adminAuth` is on. */
  admin(path: string, init?: RequestInit): Promise<Response>;
  /** A bearer token with these permissions for a Node-RED with `adminAuth`. */
  token(permissions?: string): string;
  /** Sends a message out of the probe-in named so. */
  inject(probe: string, msg: Record<string, unknown>): void;
  /** The next message at a probe-out, or one that arrived earlier and was not taken yet. */
  told<Payload = unknown>(
    probe: string,
    predicate?: (msg: Message<Payload>) => boolean,
    patience?: Patience,
  ): Promise<Message<Payload>>;
  /** All messages that arrived at a probe-out so far, taken or not. */
  received<Payload = unknown>(probe: string): Message<Payload>[];
  /** All statuses of a node so far, oldest first. */
  statuses(nodeId: string): Status[];
  /** A node's present status if the predicate accepts it, else the next that it accepts. */
  statusOf(nodeId: string, predicate: (status: Status) => boolean, patience?: Patience): Promise<Status>;
  /** The inputs a node has finished with so far: one entry each time it called `done`. */
  dones(nodeId: string): Done[];
  /** The next input a node finishes with, or one not taken yet. */
  doneOf(nodeId: string, predicate?: (done: Done) => boolean, patience?: Patience): Promise<Done>;
  alive(): boolean;
  /** Ends it, by SIGTERM unless told otherwise; `shutdown` is the supervisor's message. After 30 s it is killed. */
  stop(signal?: 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'shutdown'): Promise<Ending>;
}

/** Beyond Node-RED's own 15 s for a close handler: what is still there then hangs. */
const STOP_MS = 30_000;

const running = new Set<Instance>();

process.once('exit', () => {
  for (const instance of running) instance.kill();
});

/** Starts a real Node-RED in a process of its own; resolves when its flows run. */
export async function startNodeRed(options: NodeRedOptions = {}): Promise<NodeRed> {
  const { version = '4.1', palette = 'source', env = {}, timeoutMs = 30_000 } = options;
  const binary = options.node ?? (version === '5.0' ? nodeBinary(24) : process.execPath);
  const userDir =
    options.userDir ?? (typeof palette === 'object' ? palette.tarballUserDir : await temporaryDir());
  const secret = randomUUID();
  const settings = await writeSettings(
    userDir,
    palette === 'source' ? [ROOT] : [],
    secret,
    options.settings ?? {},
  );
  const redJs = prepared(join(nodeRedDir(version), 'red.js'));
  const child = spawn(prepared(binary), [redJs, '--userDir', userDir, '--settings', settings], {
    cwd: userDir,
    env: { ...process.env, NODE_RED_HOME: undefined, NODE_OPTIONS: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const instance = new Instance(child, userDir, secret, options.settings ?? {});
  running.add(instance);
  whenTestEnds(() => instance.ended());
  whenRunEnds(() => instance.ended());
  try {
    await instance.isUp(timeoutMs);
    if (options.flows) await instance.deploy(options.flows, { credentials: options.credentials ?? {} });
  } catch (error) {
    instance.kill();
    throw new Error(`Node-RED ${version} didn't start; it printed:\n${instance.log()}`, { cause: error });
  }
  return instance;
}

/** Stops every Node-RED that runs. A suite whose `before` started one says `after(stopAll)`; those of a test end with it anyway. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((instance) => instance.stop()));
}

async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'node-red-'));
  whenRunEnds(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** The settings of one instance. The kernel picks the port when it is bound (0), so no other process can come between. */
async function writeSettings(
  userDir: string,
  nodesDir: string[],
  secret: string,
  added: Record<string, unknown>,
): Promise<string> {
  const settings = {
    uiHost: '127.0.0.1',
    uiPort: 0,
    flowFile: 'flows.json',
    credentialSecret: 'the same at every start, or a restart could not read the credentials',
    nodesDir: [...nodesDir, join(__dirname, 'probe')],
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { palette: { allowInstall: false } },
    editorTheme: { tours: false, projects: { enabled: false } },
    logging: { console: { level: 'info', metrics: false, audit: false } },
    ...added,
  };
  const file = join(userDir, 'settings.js');
  await mkdir(userDir, { recursive: true });
  await writeFile(
    file,
    `module.exports = ${JSON.stringify(settings, null, 2)};
if (module.exports.adminAuth) {
  module.exports.adminAuth.tokens = async (token) => {
    const [secret, permissions] = token.split('/');
    return secret === '${secret}' ? { username: 'test', permissions } : null;
  };
}
`,
  );
  return file;
}

/** What the probe tells over IPC. */
type Report =
  | { told: 'message'; probe: string; message: Message }
  | { told: 'status'; node: string; status: Status }
  | { told: 'done'; node: string; done: Done }
  | { told: 'started' }
  | { told: 'not started' | 'failure'; reason: string }
  | { told: 'listening'; port: number };

interface FlowsState {
  started: boolean;
  reason: string;
}

class Instance implements NodeRed {
  readonly exit: Promise<Omit<Ending, 'ms'>>;
  #port = 0;
  #log = '';
  readonly #ports = new Mailbox<{ port: number }>('the port it listens on');
  readonly #starts = new Mailbox<FlowsState>('flows that start');
  readonly #lines = new Mailbox<{ line: string }>('a printed line');
  readonly #messages = new Mailboxes<Message>('message at probe-out');
  readonly #statuses = new Mailboxes<Status>('status of node');
  readonly #dones = new Mailboxes<Done>('input finished by node');

  constructor(
    readonly child: ChildProcess,
    readonly userDir: string,
    readonly secret: string,
    readonly settings: Record<string, unknown>,
  ) {
    child.on('error', ({ message }) => this.#fail(message)); // a message sent to a process that is gone
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(this);
        this.#fail(
          `Node-RED has ended (code ${String(code)}, signal ${String(signal)}); its last words:\n${this.#log.slice(-2000)}`,
        );
        resolve({ code, signal });
      });
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => this.#print(text));
    child.on('message', (report) => this.#hear(JSON.parse(report as string, revive) as Report));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    const root =
      typeof this.settings.httpAdminRoot === 'string'
        ? this.settings.httpAdminRoot.replace(/^\/*/, '/').replace(/\/*$/, '')
        : '';
    return `http://127.0.0.1:${this.#port}${root}`;
  }

  async isUp(timeoutMs: number): Promise<void> {
    const [{ port }] = await Promise.all([
      this.#ports.take(undefined, { timeoutMs }),
      this.#hasStarted(timeoutMs),
    ]);
    this.#port = port;
  }

  log(): string {
    return this.#log;
  }

  async printed(pattern: RegExp, patience?: Patience): Promise<string> {
    const earlier = this.#lines.all.find(({ line }) => pattern.test(line));
    return (earlier ?? (await this.#lines.last(({ line }) => pattern.test(line), patience))).line;
  }

  async deploy(flows: Flow, { type = 'full', credentials = {} }: DeployOptions = {}): Promise<void> {
    const body = flows.map((node) =>
      credentials[node.id] ? { ...node, credentials: credentials[node.id] } : node,
    );
    const response = await this.admin('/flows', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'Node-RED-API-Version': 'v2',
        'Node-RED-Deployment-Type': type,
      },
      body: JSON.stringify({ flows: body }),
    });
    if (!response.ok) throw new Error(`deploy refused: ${response.status} ${await response.text()}`);
    await this.#hasStarted(STOP_MS);
  }

  async flows(): Promise<Flow> {
    const response = await this.admin('/flows', { headers: { 'Node-RED-API-Version': 'v2' } });
    return ((await response.json()) as { flows: Flow }).flows;
  }

  admin(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.settings.adminAuth && !headers.has('authorization'))
      headers.set('authorization', `Bearer ${this.token()}`);
    return fetch(`${this.url}${path}`, { ...init, headers });
  }

  token(permissions = '*'): string {
    return `${this.secret}/${permissions}`;
  }

  inject(probe: string, message: Record<string, unknown>): void {
    this.child.send(JSON.stringify({ probe, message }, keepBuffers));
  }

  told<Payload = unknown>(
    probe: string,
    predicate?: (msg: Message<Payload>) => boolean,
    patience?: Patience,
  ): Promise<Message<Payload>> {
    return this.#messages.of(probe).take(predicate as (msg: Message) => boolean, patience) as Promise<
      Message<Payload>
    >;
  }

  received<Payload = unknown>(probe: string): Message<Payload>[] {
    return [...this.#messages.of(probe).all] as Message<Payload>[];
  }

  statuses(nodeId: string): Status[] {
    return [...this.#statuses.of(nodeId).all];
  }

  statusOf(nodeId: string, predicate: (status: Status) => boolean, patience?: Patience): Promise<Status> {
    return this.#statuses.of(nodeId).last(predicate, patience);
  }

  dones(nodeId: string): Done[] {
    return [...this.#dones.of(nodeId).all];
  }

  doneOf(nodeId: string, predicate?: (done: Done) => boolean, patience?: Patience): Promise<Done> {
    return this.#dones.of(nodeId).take(predicate, patience);
  }

  alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'shutdown' = 'SIGTERM'): Promise<Ending> {
    const from = performance.now();
    if (this.alive() && signal === 'shutdown') this.child.send('shutdown');
    else this.child.kill(signal === 'shutdown' ? 'SIGTERM' : signal);
    const timer = setTimeout(() => this.kill(), STOP_MS);
    const ending = await this.exit.finally(() => clearTimeout(timer));
    return { ...ending, ms: Math.round(performance.now() - from) };
  }

  async ended(): Promise<void> {
    if (this.alive()) await this.stop();
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  async #hasStarted(timeoutMs: number): Promise<void> {
    const { started, reason } = await this.#starts.take(undefined, { timeoutMs });
    if (!started) throw new Error(`the flows didn't start: ${reason}`);
  }

  #print(text: string): void {
    const unfinished = this.#log.slice(this.#log.lastIndexOf('\n') + 1);
    this.#log += text;
    for (const line of `${unfinished}${text}`.split('\n').slice(0, -1)) this.#lines.put({ line });
  }

  #hear(report: Report): void {
    switch (report.told) {
      case 'message':
        return this.#messages.of(report.probe).put(report.message);
      case 'status':
        return this.#statuses.of(report.node).put(report.status);
      case 'done':
        return this.#dones.of(report.node).put(report.done);
      case 'listening':
        return this.#ports.put({ port: report.port });
      case 'started':
        return this.#starts.put({ started: true, reason: '' });
      case 'not started':
        return this.#starts.put({ started: false, reason: report.reason });
      case 'failure':
        return this.#fail(report.reason);
    }
  }

  #fail(reason: string): void {
    for (const box of [this.#ports, this.#starts, this.#lines, this.#messages, this.#statuses, this.#dones])
      box.fail(reason);
  }
}

/** A mailbox a name, made when first asked for or delivered to. */
class Mailboxes<T extends object> {
  readonly #boxes = new Map<string, Mailbox<T>>();
  #failure: string | undefined;

  constructor(readonly what: string) {}

  of(name: string): Mailbox<T> {
    const box = this.#boxes.get(name) ?? new Mailbox<T>(`${this.what} "${name}"`);
    if (!this.#boxes.has(name) && this.#failure !== undefined) box.fail(this.#failure);
    this.#boxes.set(name, box);
    return box;
  }

  fail(reason: string): void {
    this.#failure = reason;
    for (const box of this.#boxes.values()) box.fail(reason);
  }
}

function keepBuffers(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const raw = this[key];
  return Buffer.isBuffer(raw) ? { $buffer: raw.toString('base64') } : value;
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$buffer' in value) return Buffer.from(String(value.$buffer), 'base64');
  if ('$number' in value) return Number(value.$number);
  return '$bigint' in value ? BigInt(String(value.$bigint)) : value;
}

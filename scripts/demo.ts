/**
 * The demo: an O2G server with an OXE behind it, and a Node-RED with the first example flow, whose recorder writes a file of each call.
 * It lets calls happen and says in one line each what came of them. Ctrl-C ends it and leaves nothing behind but the recordings.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startSimulator, type CallHandle } from '../simulator';
import type { Simulator } from '../simulator/simulator-api';

const ROOT = join(__dirname, '..');
const USER_DIR = join(ROOT, '.demo');
/** What the example calls "recordings" lies in the user directory. */
const RECORDINGS = join(USER_DIR, 'recordings');
const EXAMPLE = join(ROOT, 'examples', '01 Record a call.json');
const LOOPBACK = '127.0.0.1';
/** The usual ports; another is taken when one is not free. */
const USUAL = { editor: 1880, rest: 8080, events: 8014, control: 8090 };
/** As in the example. */
const DEVICES = Array.from({ length: 10 }, (_, index) => String(70000 + index));
/** A file is complete a moment after its call. */
const FILE_WITHIN_MS = 5000;
const CALLERS = ['0390670000', '0155667788', '+4989123456'];

const say = (line: string): void => {
  console.log(`${new Date().toTimeString().slice(0, 8)}  ${line}`);
};

async function freePort(usual: number): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.once('error', () => {
      server.listen(0, LOOPBACK);
    });
    server.on('listening', () => {
      resolve((server.address() as { port: number }).port);
    });
    server.listen(usual, LOOPBACK);
  });
  server.close();
  await once(server, 'close');
  return port;
}

/** The first example with the simulator's address and its administrator. */
async function writeUserDir(oxe: Simulator): Promise<void> {
  await rm(USER_DIR, { recursive: true, force: true });
  await mkdir(USER_DIR, { recursive: true });
  const example = (await readFile(EXAMPLE, 'utf8')).replaceAll(`http://127.0.0.1:${USUAL.rest}`, oxe.url);
  const flows = JSON.parse(example) as { id: string; type: string }[];
  const credentials = Object.fromEntries(
    flows
      .filter(({ type }) => type === 'o2g-server')
      .map(({ id }) => [id, { login: oxe.login, password: oxe.password }]),
  );
  await writeFile(join(USER_DIR, 'flows.json'), example);
  await writeFile(join(USER_DIR, 'flows_cred.json'), JSON.stringify(credentials), { mode: 0o600 });
  await writeFile(
    join(USER_DIR, 'settings.js'),
    `module.exports = ${JSON.stringify(
      {
        uiHost: LOOPBACK,
        flowFile: 'flows.json',
        credentialSecret: false,
        nodesDir: [ROOT],
        telemetry: { enabled: false, updateNotification: false },
        editorTheme: { tours: false, projects: { enabled: false } },
        logging: { console: { level: 'info', metrics: false, audit: false } },
      },
      null,
      2,
    )};\n`,
  );
}

function startNodeRed(port: number): ChildProcess {
  const log = createWriteStream(join(USER_DIR, 'node-red.log'));
  const red = spawn(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'node-red', 'red.js'),
      '--userDir',
      USER_DIR,
      '--settings',
      join(USER_DIR, 'settings.js'),
      '--port',
      String(port),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C comes to us, and we end it in order.
      detached: true,
    },
  );
  red.stdout.pipe(log);
  red.stderr.pipe(log);
  return red;
}

/** What the recorder says of a file, beside it. */
interface Recording {
  readonly file: string;
  readonly deviceNumber: string;
  readonly durationMs: number;
  readonly channels: Readonly<Record<'sent' | 'received', { readonly packets: number }>>;
}

/** The recordings that are complete by now. */
async function recordings(): Promise<Recording[]> {
  const names = await readdir(RECORDINGS, { recursive: true }).catch(() => []);
  return Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .map(async (name) => JSON.parse(await readFile(join(RECORDINGS, name), 'utf8')) as Recording),
  );
}

/** The recording of a device that is new since `before`; undefined when none comes. */
async function newRecording(device: string, before: ReadonlySet<string>): Promise<Recording | undefined> {
  const until = Date.now() + FILE_WITHIN_MS;
  while (Date.now() < until) {
    await pause(100);
    const found = (await recordings()).find(
      ({ file, deviceNumber }) => deviceNumber === device && !before.has(file),
    );
    if (found) return found;
  }
  return undefined;
}

/** One call after the other: it rings, is answered, held, taken back and ended. */
async function play(oxe: Simulator, over: AbortSignal): Promise<void> {
  for (let index = 0; !over.aborted; index += 1) {
    const device = DEVICES[index % DEVICES.length] ?? '70000';
    const from = CALLERS[index % CALLERS.length] ?? '0390670000';
    const before = new Set((await recordings()).map(({ file }) => file));
    const call = oxe.call({ from, to: device });
    say(`call from ${from} to ${device}`);
    await live(call, over);
    const recording = await newRecording(device, before);
    if (recording) tell(recording, from);
    else say(`not recorded: no file of ${device}; ${join(USER_DIR, 'node-red.log')} may tell why`);
    await pause(2000, undefined, { signal: over }).catch(() => undefined);
  }
}

function tell(
  { file, deviceNumber, durationMs, channels: { sent, received } }: Recording,
  from: string,
): void {
  say(`packets received: ${sent.packets} of what ${deviceNumber} said, ${received.packets} of what it heard`);
  say(
    `recorded ${deviceNumber} talking to ${from}: ${(durationMs / 1000).toFixed(1)} s in ${relative(process.cwd(), file)}`,
  );
}

async function live(call: CallHandle, over: AbortSignal): Promise<void> {
  const steps = [
    [1500, () => call.answered()],
    [4000, () => call.hold()],
    [1500, () => call.retrieve()],
    [3000, () => call.hangUp()],
  ] as const;
  for (const [ms, step] of steps) {
    await pause(ms, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) break;
    await step();
  }
  if (over.aborted) await call.hangUp();
  // What is still on its way when the call ends belongs to it.
  await pause(100);
}

async function main(): Promise<void> {
  const oxe = await startSimulator({
    port: await freePort(USUAL.rest),
    eventPort: await freePort(USUAL.events),
    controlPort: await freePort(USUAL.control),
    devices: ['70000-70099'],
  });
  say(
    `O2G simulator at ${oxe.url}, event channel on port ${oxe.eventPort}; calls and faults by hand: ${oxe.controlUrl ?? ''}`,
  );
  oxe.onRequest(({ method, path, body, status }) => {
    if (method !== 'POST' || !path.endsWith('/record') || status !== 200) return;
    const { deviceNumber, sentFlowPort, receivedFlowPort } = body as {
      deviceNumber: string;
      sentFlowPort: number;
      receivedFlowPort: number;
    };
    say(`recording started: ${deviceNumber} to UDP ports ${sentFlowPort} and ${receivedFlowPort}`);
  });
  await writeUserDir(oxe);
  const editor = await freePort(USUAL.editor);
  const red = startNodeRed(editor);
  const over = new AbortController();
  let playing: Promise<void> = Promise.resolve();

  const end = async (code: number): Promise<void> => {
    if (over.signal.aborted) return;
    over.abort();
    say('ending');
    await playing;
    red.kill('SIGTERM');
    if (red.exitCode === null) await once(red, 'exit');
    const left = oxe.sessions().length + oxe.links().length + oxe.subscriptions().length;
    say(
      left === 0
        ? 'no session, link or subscription is left on the simulator'
        : `${left} things are left on the simulator`,
    );
    await oxe.close();
    process.exit(code);
  };
  process.once('SIGINT', () => void end(0));
  process.once('SIGTERM', () => void end(0));
  red.once('exit', (code) => {
    if (over.signal.aborted) return;
    say(`Node-RED ended by itself (${String(code)}); see ${join(USER_DIR, 'node-red.log')}`);
    void end(1);
  });

  await oxe.once(() => oxe.monitored(7).length === DEVICES.length, {
    timeoutMs: 60_000,
    what: 'Node-RED with its devices monitored',
  });
  say(
    `Node-RED runs the flow "Record a call"; the editor is at http://${LOOPBACK}:${editor}/   (Ctrl-C ends the demo)`,
  );
  playing = play(oxe, over.signal);
  await playing;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

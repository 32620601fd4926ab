import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startSimulator, type SimulatorOptions } from '../../../simulator';
import type { Simulator } from '../../../simulator/simulator-api';
import { portRange, temporaryFolder } from '../../recorder/support';
import { whenTestEnds } from '../../support/cleanup';
import { flow, type Flow, type FlowNode } from '../../support/flow';
import { startNodeRed, stopAll, type NodeRed } from '../../support/node-red';
import { ROOT } from '../../support/toolchain';
import { moreSent, type Finished } from '../recording/recordings';

const OUTSIDE = '0390670000';
const PATIENCE = { timeoutMs: 60_000 };

interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A web server that keeps what it gets. */
interface Receiver {
  readonly url: string;
  /** The next request that isn't taken yet. */
  next(): Promise<Received>;
}

/** @param answers status and body of each request in turn, the last one for all that follow */
async function receiver(...answers: readonly [status: number, body: string][]): Promise<Receiver> {
  const got: Received[] = [];
  let taken = 0;
  let count = 0;
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request
      .on('data', (piece: Buffer) => pieces.push(piece))
      .once('end', () => {
        const [status, body] = answers[Math.min(count, answers.length - 1)] ?? [200, ''];
        count += 1;
        got.push({
          method: request.method ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(pieces),
        });
        response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body);
        server.emit('got');
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  whenTestEnds(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async next() {
      while (got.length === taken)
        await once(server, 'got', { signal: AbortSignal.timeout(PATIENCE.timeoutMs) });
      const request = got[taken];
      taken += 1;
      assert.ok(request);
      return request;
    },
  };
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The fields of a form that was posted, as bytes. */
function fieldsOf({ headers, body }: Received): Map<string, Buffer> {
  const [, boundary = ''] = /^multipart\/form-data; boundary=(.+)$/.exec(headers['content-type'] ?? '') ?? [];
  const fields = new Map<string, Buffer>();
  // Latin 1 has a character for each byte.
  for (const part of body.toString('latin1').split(`--${boundary}\r\n`).slice(1)) {
    const [head = ''] = part.split('\r\n\r\n');
    const [content = ''] = part
      .slice(head.length + 4)
      .split(new RegExp(`\\r\\n(?:--${boundary}--)?(?:\\r\\n)?$`));
    fields.set(/name="([^"]+)"/.exec(head)?.[1] ?? '', Buffer.from(content, 'latin1'));
  }
  return fields;
}

describe('examples that connect: webhook, several OXE nodes, files handed on', function () {
  this.timeout(120_000);
  let oxe: Simulator;
  let red: NodeRed;

  before(async () => {
    red = await startNodeRed();
  });
  after(stopAll);
  afterEach(async () => {
    assert.ok(red.alive());
    await red.deploy(flow([]));
    await oxe.once(() => oxe.sessions().length === 0, { what: 'the end of the session', ...PATIENCE });
    assert.deepEqual(oxe.violations(), []);
    await oxe.close();
  });

  /**
   * Deploys an example with the server's address, a folder and ports of its own; debug nodes become probes of their names.
   * @param receivedBy where it sends what it sends
   */
  const deploy = async (
    name: string,
    {
      options = {},
      server = {},
      receivedBy = '',
    }: { options?: SimulatorOptions; server?: Record<string, unknown>; receivedBy?: string } = {},
  ): Promise<Flow> => {
    oxe = await startSimulator({ devices: ['70000-70009'], ...options });
    const [folder, ports] = [await temporaryFolder(), portRange(80)];
    const text = readFileSync(join(ROOT, 'examples', `${name}.json`), 'utf8').replaceAll(
      'http://127.0.0.1:8088',
      receivedBy,
    );
    const credentials = {
      login: oxe.login,
      password: oxe.password,
      webhookToken: 'a-token-of-32-letters-and-digits',
    };
    const nodes = (JSON.parse(text) as Flow).map((each): FlowNode => {
      if (each.type === 'o2g-server') return { ...each, url: oxe.url, credentials, ...server };
      if (each.type === 'o2g-recorder') return { ...each, folder, ...ports };
      return each.type === 'debug' ? { ...each, type: 'probe-out' } : each;
    });
    await red.deploy(nodes);
    return nodes;
  };
  const press = async (nodes: Flow, name: string): Promise<void> => {
    const { id } = nodes.find((each) => each.type === 'inject' && each.name === name) ?? {};
    const answer = await red.admin(`/inject/${id ?? name}`, { method: 'POST' });
    assert.equal(answer.status, 200, name);
  };
  /** A call of a recorded device, to its end. */
  const record = async (): Promise<void> => {
    await oxe.once(() => oxe.recorded(7).length === 10 && oxe.channelCount() === 1, {
      what: 'all recorded',
      ...PATIENCE,
    });
    const call = oxe.call({ from: OUTSIDE, to: '70003', tags: [{ name: 'order', value: '4711' }] });
    await call.answered();
    await moreSent(oxe, '70003', 50);
    await call.hangUp();
  };

  it('12: events come by webhook, and the connection says so', async () => {
    await deploy('12 Events by webhook', { server: { webhookUrl: `http://127.0.0.1:${red.port}` } });
    await oxe.once(() => oxe.monitored(7).length === 10, { what: 'the monitors', ...PATIENCE });
    const call = oxe.call({ from: OUTSIDE, to: '70003' });
    await red.told('event', ({ topic }) => topic === 'OnCallCreated', PATIENCE);
    await red.told<{ state: string }>(
      'state of the connection',
      ({ topic, payload }) => topic === 'connection' && payload.state === 'connected',
      PATIENCE,
    );
    assert.equal(oxe.channelCount(), 0);
    await call.hangUp();
  });

  it('13: each device is recorded on the link of its OXE node, by msg.oxeNode or by its number', async () => {
    const nodes = await deploy('13 Several OXE nodes', {
      options: { nodes: [7, 8], devices: ['70000-70009', '8:71000-71009', '8:71099'] },
    });
    await oxe.once(() => oxe.monitored(7).length === 10 && oxe.monitored(8).length === 10, {
      what: 'the monitors',
      ...PATIENCE,
    });
    await press(nodes, '70000 and 71000');
    const { payload } = await red.told<{ deviceNumber: string; recording: boolean }[]>(
      'in force',
      undefined,
      PATIENCE,
    );
    assert.deepEqual(
      payload.map(({ deviceNumber, recording }) => [deviceNumber, recording]),
      [
        ['70000', true],
        ['71000', true],
      ],
    );
    await press(nodes, '71099, OXE node 8');
    await red.told('in force', undefined, PATIENCE);
    assert.deepEqual([oxe.recorded(7), oxe.recorded(8).sort()], [['70000'], ['71000', '71099']]);
    await press(nodes, '79999: of no link');
    assert.equal((await red.told('error', undefined, PATIENCE)).error?.code, 'INVALID_INPUT');
    await press(nodes, 'stop');
    await oxe.once(() => oxe.recorded(7).length === 0 && oxe.recorded(8).join() === '71099', {
      what: 'both stopped',
      ...PATIENCE,
    });
    await press(nodes, 'ask');
    const { payload: system } = await red.told<{ pbxs: { nodeId: number }[] }>(
      'OXE nodes',
      undefined,
      PATIENCE,
    );
    assert.deepEqual(system.pbxs.map(({ nodeId }) => nodeId).sort(), [7, 8]);
  });

  it('14: the store gets each file under its name, byte for byte; a store that refuses is asked again', async () => {
    const store = await receiver([503, '{}'], [200, '{}']);
    await deploy('14 Upload finished recordings', { receivedBy: store.url });
    await record();
    const [refused, stored] = [await store.next(), await store.next()];
    const { recording } = (await red.told('stored', undefined, PATIENCE)) as unknown as {
      recording: Finished;
    };
    assert.match(stored.path, /^\/recordings\/70003\/[^/]+\.wav$/);
    assert.deepEqual(
      [stored.method, stored.headers['content-type'], stored.headers['x-amz-meta-sha256']],
      ['PUT', 'audio/wav', recording.sha256],
    );
    assert.equal(sha256(stored.body), recording.sha256);
    assert.deepEqual(stored.body, await readFile(recording.file));
    assert.deepEqual([refused.path, sha256(refused.body)], [stored.path, recording.sha256]);
  });

  it('15: the transcription service gets the file in a form, the CRM its words and the data of the call', async () => {
    const services = await receiver([200, '{"text":"good morning"}']);
    await deploy('15 Transcribe and tell the CRM', { receivedBy: services.url });
    await record();
    const [form, told] = [await services.next(), await services.next()];
    const fields = fieldsOf(form);
    const crm = JSON.parse(told.body.toString()) as {
      deviceNumber: string;
      sha256: string;
      text: string;
      calls: { direction: string; parties: { number: string }[]; tags: unknown }[];
    };
    assert.deepEqual(
      [form.method, form.path, told.method, told.path],
      ['POST', '/transcriptions', 'POST', '/calls'],
    );
    assert.equal(sha256(fields.get('file') ?? Buffer.alloc(0)), crm.sha256);
    assert.deepEqual(
      [fields.get('sha256')?.toString(), crm.deviceNumber, crm.text],
      [crm.sha256, '70003', 'good morning'],
    );
    assert.deepEqual(
      crm.calls.map(({ direction, parties, tags }) => [direction, parties.map(({ number }) => number), tags]),
      [['incoming', [OUTSIDE], [{ name: 'order', value: '4711' }]]],
    );
    await red.told('told', undefined, PATIENCE);
  });
});

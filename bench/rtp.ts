/** RTP of many phones into the recorder, files written, against sockets that only count: what a packet costs the process that receives it. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKET_MS } from '../simulator/recording/rtp';
import { measure, type Contender, type Part } from './measure';
import { Child } from './support/child';
import type { Sending } from './support/rtp-sender';

interface Scale {
  readonly devices: number;
  readonly seconds: number;
  readonly rounds: number;
  /** What came last is written after a second at most; an idle process has it too. */
  readonly settleMs: number;
}

const FULL: Scale = { devices: 300, seconds: 12, rounds: 3, settleMs: 1200 };
const TINY: Scale = { devices: 2, seconds: 0.5, rounds: 1, settleMs: 3000 };

export async function rtp(tiny: boolean): Promise<Part[]> {
  const scale = tiny ? TINY : FULL;
  const folder = await mkdtemp(join(tmpdir(), 'bench-rtp-'));
  const sender = new Child('rtp-sender.ts');
  const bare = new Child('rtp-bare.cjs');
  const recorder = new Child('rtp-recorder.cjs', [folder]);
  const packets = Math.round((scale.seconds * 1000) / PACKET_MS);
  const contender = (name: string, child: Child, keys?: Sending['keys']): Contender => ({
    name,
    run: async () => {
      child.send({ do: 'begin', devices: scale.devices, keys });
      const ports = (await child.told('ready')).ports as number[];
      sender.send({ ports, packets, keys } satisfies Sending);
      await sender.told('sent');
      await new Promise((resolve) => {
        setTimeout(resolve, scale.settleMs);
      });
      child.send({ do: 'end' });
      const { cpuUs, packets: received } = (await child.told('result')) as unknown as {
        cpuUs: number;
        packets: number;
      };
      // Loss is no figure but a failure.
      if (received !== packets * ports.length)
        throw new Error(`${name}: of ${packets * ports.length} packets ${received} came`);
      return { cpuUs: cpuUs / received };
    },
  });
  const part = async (title: string, keys?: Sending['keys']): Promise<Part> => ({
    title: `${title}, ${scale.devices} devices, ${scale.seconds} s: CPU a packet`,
    rounds: scale.rounds,
    figures: await measure(
      [contender('sockets that count', bare, keys), contender('the recorder', recorder, keys)],
      scale.rounds,
    ),
  });
  const keys = { key: randomBytes(16).toString('base64'), salt: randomBytes(14).toString('base64') };
  try {
    return [await part('RTP'), await part('SRTP, AES-128 with a tag of 80 bits', keys)];
  } finally {
    await Promise.all([sender, bare, recorder].map((child) => child.end()));
    await rm(folder, { recursive: true, force: true });
  }
}
